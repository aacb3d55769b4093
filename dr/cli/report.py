"""`dr report RUN`: look back at one run, as a page, as data, for a pull request or for a pipeline."""

from pathlib import Path

import click

from dr.cli.options import estate_option
from dr.errors import UsageError


@click.command("report", epilog="\b\nExamples:\n  dr report latest\n  dr report latest --format md --output summary.md")
@click.argument("run", required=False)
@estate_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "json", "md", "junit"]),
    default="html",
    show_default=True,
    help="html prints the path of the page; the others print the report itself.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file instead.")
@click.option("--schema", "print_schema", is_flag=True, help="Print the JSON Schema of report.json.")
def command(
    run: str | None, estate_file: Path, form: str, output: Path | None, *, as_json: bool, print_schema: bool
) -> None:
    """Show the report of RUN: a run's name, a beginning that only it has, or `latest`.

    The exit code is 0 whatever the verdict, and 3 where there is no report.
    """
    import json

    from dr.documents import load_estate
    from dr.report import shelf
    from dr.report.write import FORMS, HTML, JSON, JUNIT, MARKDOWN, put, read, schema

    if output and not output.parent.is_dir():
        raise UsageError(f"--output {output}: there is no folder {output.parent}", hint="make it first")
    if print_schema:
        text = json.dumps(schema(), indent=2) + "\n"
    elif not run:
        raise UsageError("report of which run?", hint="`dr report latest`; `dr runs` lists them")
    else:
        root = shelf.shelf(load_estate(estate_file)[0])
        folder = root / shelf.find(root, run)
        report = read(folder)
        file = {"html": HTML, "json": JSON, "md": MARKDOWN, "junit": JUNIT}["json" if as_json else form]
        if file == HTML and output is None:
            if not (folder / HTML).exists():
                put(folder / HTML, FORMS[HTML](report))
            click.echo(folder / HTML)
            return
        text = FORMS[file](report)
    if output is None:
        click.echo(text, nl=False)
    else:
        put(output, text)
        click.echo(output)
