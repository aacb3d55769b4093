"""The import table of `dr/__init__.py`, enforced by reading the import statements; and two promises that rest on it.

A rule that nothing has ever broken may be a rule that is never applied: each is shown one violation of its kind.
"""

import ast
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import dr

ROOT = Path(__file__).parent.parent

ONLY_IN = {
    "boto3": ("dr.aws", "dr.lab"),
    "botocore": ("dr.aws", "dr.lab"),
    "s3transfer": ("dr.aws", "dr.lab"),
    "psycopg": ("dr.postgres", "dr.telling", "dr.checks", "dr.lab"),
    "tenacity": ("dr.wait",),
    "prefect": ("flows",),
    "moto": ("dr.lab",),
    "dns": ("dr.lab",),
    "ruamel": ("dr.documents",),
    "cryptography": ("dr.approval", "dr.lab"),
    "jinja2": ("dr.report",),
}
"""package -> the rooms that may import it."""

WHAT_WE_KNOW = {
    *("dr.harmless", "dr.errors", "dr.quantities", "dr.estate", "dr.recovery", "dr.hashing", "dr.runbook", "dr.claims"),
    *("dr.plan", "dr.records", "dr.facts", "dr.verification", "dr.table_comparison", "dr.comparison", "dr.agreement"),
    *("dr.schema_comparison", "dr.object_versions", "dr.visibility", "dr.events", "dr.provenance", "dr.timeline"),
    *("dr.verdict", "dr.permissions", "dr.policy", "dr.durations", "dr.replay", "dr.isolation", "dr.spans", "dr.beats"),
    *("dr.dangling", "dr.chain", "dr.promises", "dr.manifest", "dr.held", "dr.resolving", "dr.joint_recovery"),
    *("dr.challenge",),
}
"""Pure: standard library, pydantic and one another."""

EFFECTS = {
    *("asyncio", "concurrent", "fcntl", "getpass", "http", "io", "logging", "multiprocessing", "os", "pathlib"),
    *("random", "secrets", "select", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile"),
    *("threading", "time", "urllib", "uuid"),
}
"""What of the standard library reaches outside, or answers differently each time."""
EXCUSED = {("dr.plan", "secrets")}
"""The name of a run is drawn once, when its plan is made: it must be unlike every other."""

READS_FOR_CHECKS = {
    f"dr.checks.{name}"
    for name in ("chunks", "digests", "survey", "heeding", "extension", "catalogs", "lookups", "declared")
}
"""They read for whoever asks, and judge nothing: no checks themselves, and free to all of them."""
FOR_THE_LAB = ("dr.connection", "dr.errors", "dr.lab")
VAGUE = {"util", "utils", "common", "helper", "helpers", "manager", "managers", "service", "services"}
VAGUE |= {"handler", "handlers", "base"}


@dataclass(frozen=True)
class Import:
    """One name that one file imports."""

    importer: str
    target: str
    where: str


def within(name: str, *rooms: str) -> bool:
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


def files(root: Path) -> Iterator[tuple[str, Path]]:
    for top in ("dr", "flows"):
        for path in sorted((root / top).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(root: Path) -> Iterator[Import]:
    """Every import statement, wherever it stands: inside functions and under TYPE_CHECKING too."""
    for importer, path in files(root):
        package = importer if path.name == "__init__.py" else importer.rpartition(".")[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
            where = f"{path.relative_to(root)}:{getattr(node, 'lineno', 0)}"
            match node:
                case ast.Import(names=names):
                    targets = [alias.name for alias in names]
                case ast.ImportFrom(module=module, names=names, level=level):
                    above = package.split(".")[: len(package.split(".")) - level + 1] if level else []
                    source = ".".join([*above, *([module] if module else [])])
                    targets = [f"{source}.{alias.name}" for alias in names]
                case ast.Call(
                    func=ast.Attribute(attr="import_module") | ast.Name(id="import_module" | "__import__"),
                    args=[ast.Constant(value=str(name)), *_],
                ):
                    targets = [name]
                case _:
                    continue
            for target in targets:
                yield Import(importer, target, where)


def misplaced_package(one: Import) -> str | None:
    package = re.sub(r"^(mypy_boto3|types_boto3).*", "boto3", one.target.partition(".")[0])
    rooms = ONLY_IN.get(package)
    return f"{package} belongs to {', '.join(rooms)}" if rooms and not within(one.importer, *rooms) else None


def impure_knowledge(one: Import) -> str | None:
    if one.importer not in WHAT_WE_KNOW:
        return None
    package = one.target.partition(".")[0]
    if package == "dr":
        return None if within(one.target, *WHAT_WE_KNOW) else "what we know imports nothing that we touch or do"
    if package in EFFECTS and (one.importer, package) not in EXCUSED:
        return "what we know has no effects"
    return None if package in sys.stdlib_module_names | {"pydantic"} else "what we know needs pydantic and no more"


def entangled_steps(one: Import) -> str | None:
    inside = within(one.importer, "dr.steps") and one.importer != "dr.steps"
    return "steps never import one another" if inside and within(one.target, "dr.steps") else None


def entangled_checks(one: Import) -> str | None:
    inside = within(one.importer, "dr.checks") and one.importer != "dr.checks"
    free = within(one.target, *READS_FOR_CHECKS)
    return "checks never import one another" if inside and within(one.target, "dr.checks") and not free else None


def lab_outside(one: Import) -> str | None:
    reaches = within(one.target, "dr.lab") and not within(one.importer, "dr.cli", "dr.lab")
    return "nothing but the command line knows the lab" if reaches else None


def lab_knows_too_much(one: Import) -> str | None:
    outside = within(one.target, "dr") and one.target not in ("dr", "dr.connection", "dr.errors", "dr.__version__")
    curious = within(one.importer, "dr.lab") and outside and not within(one.target, *FOR_THE_LAB)
    return "the lab knows of the product only how it is reached, and its errors" if curious else None


def upstream(one: Import) -> str | None:
    against = within(one.importer, "dr") and within(one.target, "flows")
    return "flows import dr, never the other way" if against else None


RULES = (
    misplaced_package,
    impure_knowledge,
    entangled_steps,
    entangled_checks,
    lab_outside,
    lab_knows_too_much,
    upstream,
)


def violations(root: Path) -> list[str]:
    found = [
        f"{one.where}: {one.importer} imports {one.target}: {complaint}"
        for one in imports(root)
        for rule in RULES
        if (complaint := rule(one))
    ]
    found += [
        f"{path.relative_to(root)}: a noun that was not found"
        for _, path in files(root)
        if VAGUE & set((path.parent.name if path.name == "__init__.py" else path.stem).split("_"))
    ]
    return found


def test_the_house_keeps_its_rules() -> None:
    assert violations(ROOT) == []


def test_it_is_this_house_that_was_looked_at() -> None:
    seen = {one.target.partition(".")[0] for one in imports(ROOT)}
    assert set(ONLY_IN) - {"s3transfer"} <= seen
    assert {name for name, _ in files(ROOT)} >= WHAT_WE_KNOW | READS_FOR_CHECKS | {"dr.steps", "dr.lab", "dr.cli"}


@pytest.mark.parametrize(
    ("file", "source", "complaint"),
    [
        ("dr/teardown.py", "import boto3", "boto3 belongs to dr.aws, dr.lab"),
        ("dr/run.py", "from botocore.exceptions import ClientError", "botocore belongs to"),
        ("dr/run.py", "if x:\n    from mypy_boto3_rds import RDSClient", "boto3 belongs to"),
        ("dr/steps/one.py", "def f():\n    import psycopg", "psycopg belongs to"),
        ("dr/aws/rds.py", "from psycopg import sql", "psycopg belongs to"),
        ("dr/aws/rds.py", "import tenacity as t", "tenacity belongs to dr.wait"),
        ("dr/run.py", "from prefect import flow", "prefect belongs to flows"),
        ("dr/cli/flow.py", "import importlib\nimportlib.import_module('prefect.states')", "prefect belongs to flows"),
        ("dr/aws/s3.py", "import moto.s3", "moto belongs to dr.lab"),
        ("dr/aws/rds.py", "import dns.resolver", "dns belongs to dr.lab"),
        ("dr/run.py", "from ruamel.yaml import YAML", "ruamel belongs to dr.documents"),
        ("dr/cli/page.py", "import jinja2", "jinja2 belongs to dr.report"),
        ("dr/cli/override.py", "import cryptography.fernet", "cryptography belongs to dr.approval, dr.lab"),
        ("dr/claims.py", "from dr.aws import rds", "nothing that we touch"),
        ("dr/claims.py", "from . import journal", "nothing that we touch"),
        ("dr/timeline.py", "import os.path", "has no effects"),
        ("dr/verdict.py", "from time import monotonic", "has no effects"),
        ("dr/plan.py", "import random", "has no effects"),
        ("dr/records.py", "import yaml", "pydantic and no more"),
        ("dr/steps/one.py", "from dr.steps.two import two", "steps never import one another"),
        ("dr/steps/one.py", "from .two import two", "steps never import one another"),
        ("dr/steps/one.py", "from dr.steps import two", "steps never import one another"),
        ("dr/checks/content.py", "from dr.checks import schema", "checks never import one another"),
        ("dr/checks/content.py", "from . import schema", "checks never import one another"),
        ("dr/checks/chunks.py", "import dr.checks.content", "checks never import one another"),
        ("dr/connection.py", "from dr.lab import home", "nothing but the command line knows the lab"),
        ("dr/steps/one.py", "from dr import lab", "nothing but the command line knows the lab"),
        ("flows/one.py", "import dr.lab.home", "nothing but the command line knows the lab"),
        ("dr/lab/life.py", "from dr.plan import Plan", "the lab knows of the product only"),
        ("dr/lab/rds/names.py", "from ... import claims", "the lab knows of the product only"),
        ("dr/drill.py", "import flows.backup", "never the other way"),
        ("dr/utils.py", "", "a noun that was not found"),
        ("dr/aws/rds_helpers.py", "", "a noun that was not found"),
        ("dr/manager/__init__.py", "", "a noun that was not found"),
        ("flows/base.py", "", "a noun that was not found"),
    ],
)
def test_every_rule_bites(tmp_path: Path, file: str, source: str, complaint: str) -> None:
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(source)
    (found,) = violations(tmp_path)
    assert found.startswith(file)
    assert complaint in found


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("dr/aws/clients.py", "import boto3\nfrom dr.connection import Connection\nfrom .errors import told"),
        ("dr/checks/content.py", "import psycopg\nfrom dr.checks.chunks import chunks\nfrom dr import comparison"),
        ("dr/steps/__init__.py", "from dr.steps.one import one\nfrom .two import two"),
        ("dr/cli/lab.py", "from dr.lab import life"),
        (
            "dr/lab/life.py",
            "import dr\nimport moto\nfrom dr.errors import Unable\nfrom dr import connection, __version__",
        ),
        ("dr/plan.py", "import secrets\nfrom pydantic import Field\nfrom dr.claims import tags"),
        ("flows/backup.py", "from prefect import flow\nfrom dr.drill import enter"),
        ("dr/database.py", "import json"),
    ],
)
def test_no_rule_bites_what_is_allowed(tmp_path: Path, file: str, source: str) -> None:
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(source)
    assert violations(tmp_path) == []


def drawn() -> list[str]:
    """The rooms on the map, in its order."""
    the_map = (dr.__doc__ or "").partition("The import table.")[0]
    return [f"dr.{name}" for name in re.findall(r"^ {4}([a-z_]+)(?:\.py|/) ", the_map, re.MULTILINE)]


def room_of(name: str) -> str:
    return ".".join(name.split(".")[:2])


def test_the_map_shows_every_room_once() -> None:
    rooms = {room_of(name) for name, _ in files(ROOT) if within(name, "dr")}
    assert sorted(drawn()) == sorted(rooms - {"dr", "dr.__main__"})


def test_no_room_imports_from_below_itself() -> None:
    place = {room: number for number, room in enumerate(drawn())}
    assert [
        f"{one.where}: {one.importer} imports {one.target}"
        for one in imports(ROOT)
        if not within(one.importer, "dr.cli")
        and place.get(room_of(one.target), 0) > place.get(room_of(one.importer), len(place))
    ] == []


WITHOUT_PREFECT = """
import importlib, pkgutil, sys

class Gone:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "prefect":
            raise ImportError("prefect is not to be had")

sys.meta_path.insert(0, Gone())
try:
    import prefect
except ImportError:
    pass
else:
    raise SystemExit("prefect could be imported after all")

import dr

def fail(name):
    raise SystemExit(f"{name} cannot be imported")

seen = [module.name for module in pkgutil.walk_packages(dr.__path__, "dr.", onerror=fail)]
for name in seen:
    if name != "dr.__main__":
        importlib.import_module(name)
print(len(seen))
"""


def test_everything_can_be_imported_without_prefect() -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(WITHOUT_PREFECT)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len([name for name, _ in files(ROOT) if within(name, "dr")]) - 1


def test_help_answers_at_once() -> None:
    """By the processor's time of the best of five: a busy machine slows the clock on the wall, not the program."""
    best = min(_seconds("-m", "dr", "--help") for _ in range(5))
    assert best < 0.3, f"dr --help took {best:.2f} s"


def test_help_loads_nothing_heavy() -> None:
    script = "import sys; from dr.cli import run; assert run(['--help']) == 0; print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    heavy = {"boto3", "botocore", "psycopg", "pydantic", "prefect", "moto", "ruamel", "jinja2", "rich", "tenacity"}
    assert not heavy & {name.partition(".")[0] for name in done.stderr.split()}


def _seconds(*arguments: str) -> float:
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL, cwd=ROOT)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_utime + used.ru_stime
