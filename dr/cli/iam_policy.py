"""`dr iam-policy`: the least IAM policy of each kind of work, from the code's own declarations."""

from pathlib import Path
from typing import get_args

import click

from dr.cli.options import estate_option, json_option
from dr.errors import UsageError


@click.command("iam-policy", epilog="\b\nExample:\n  dr iam-policy --role scratch > scratch.json")
@click.option(
    "--role",
    type=click.Choice(["observe", "scratch", "recover", "heartbeat", "caller"]),
    help="Only this one's policy: the document itself, as AWS takes it. Without it: all five, by role.",
)
@click.option(
    "--part",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="With --role: which document, where a large estate needs several.",
)
@estate_option
@json_option
def command(role: str | None, part: int, estate_file: Path, as_json: bool) -> None:
    """Print the least IAM policy of each kind of work for this estate. Works offline; calls nothing.

    \b
      observe   reads production, its backups and its secrets; changes nothing
      scratch   restores into scratch and removes it; denied whatever lacks a run's tag,
                and whatever is the estate's own
      recover   takes backups and copies them
      heartbeat reads the heartbeat's secrets, and writes its objects (`dr heartbeat run`)
      caller    whoever runs `dr`: may assume the roles that the estate names,
                and does itself what it names no role for

    To attach one:

    \b
      dr iam-policy --role scratch > scratch.json
      aws iam create-role --role-name firedrill-scratch --assume-role-policy-document file://trust.json
      aws iam create-policy --policy-name firedrill-scratch --policy-document file://scratch.json
      aws iam attach-role-policy --role-name firedrill-scratch \\
          --policy-arn arn:aws:iam::ACCOUNT:policy/firedrill-scratch

    trust.json lets the caller in (sts:AssumeRole, with the caller's ARN as principal). Then name the roles
    under `roles:` in the estate, and print again: the caller's policy follows. The policies of KMS keys must let the
    account's policies decide. Which keys objects are under an estate does not say: any key of the account is allowed,
    through S3 and for the estate's buckets alone. A key of another account, and one that a secret is encrypted under,
    needs kms:Decrypt besides.
    """
    from dr.documents import load_estate
    from dr.harmless import ascii_json
    from dr.permissions import Work
    from dr.policy import LIMIT, documents, size

    estate, _ = load_estate(estate_file)
    asked = {work: documents(estate, work) for work in get_args(Work) if role in (None, work)}
    if role is None:
        if part != 1:
            raise UsageError("--part is of one role's policy", hint="say --role as well")
        click.echo(ascii_json(asked))
    for work, found in asked.items():
        if role and part > len(found):
            raise UsageError(f"--part {part}: the policy for {role} has {len(found)} of them")
        if role:
            click.echo(ascii_json(found[part - 1]))
        if not as_json:
            sizes = ", ".join(str(size(document)) for document in found)
            click.echo(f"{work}: {sizes} of the {LIMIT} characters that a managed policy may have", err=True)
        if role and len(found) > 1:
            click.echo(f"this is part {part} of {len(found)}: attach every one of them (--part)", err=True)
