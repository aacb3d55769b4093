"""Nothing but the rows of a table beside a generated listing, in a process: `python -m tests.checks.flat COUNT`.

How to log in comes as JSON on standard input; what was found, and the most memory that the process ever had, in MB,
goes as JSON to standard output.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from dr.checks import references
from dr.estate import Reference
from dr.held import HeldKey
from dr.postgres import Login

T = datetime(2026, 11, 20, 2, 15, 0, tzinfo=UTC)
TABLE = "many"
LOST = 1000
"""Of so many objects, one is not there."""
ROWS = f"""
create table {TABLE} as select 'documents/' || lpad(n::text, 8, '0') as key, 'v' || n as version,
    encode(sha256(('documents/' || lpad(n::text, 8, '0'))::bytea), 'hex') as sha256
from generate_series(1, %s) as numbers (n) order by md5(n::text)
"""
"""In no order: whoever reads them has to ask for one."""


def lines(count: int) -> Iterator[str]:
    """What the run would have kept of a bucket with an object for every row, but for a few, and a heartbeat."""
    stored = (T - timedelta(days=1)).isoformat()
    for n in range(1, count + 1):
        key = f"documents/{n:08}"
        if n % LOST:
            sha256 = hashlib.sha256(key.encode()).hexdigest()
            entry = {"version": f"v{n}", "stored": stored, "storage": "STANDARD", "copied": "x", "sha256": sha256}
            yield json.dumps({"key": key, "entries": [entry]})


def main() -> None:
    count = int(sys.argv[1])
    given = json.load(sys.stdin)
    login = Login(**given | {"password": SecretStr(given["password"]), "ca": Path(given["ca"])})
    reference = Reference(
        database="receipts-db", table=TABLE, key="key", version="version", sha256="sha256", bucket="docs"
    )
    held = map(HeldKey.model_validate_json, lines(count))
    findings, joint = references.check([(login, reference)], held, T, bucket="docs", heartbeat="beat", whole=True)
    told = {one.subject: one.observed for one in findings if ": " not in one.subject}
    json.dump({"rows": joint.rows, "never": joint.never, "told": told, "megabytes": most()}, sys.stdout)


def most() -> float:
    """The most memory that this process ever had, in MB, from /proc (proc(5), `VmHWM`, in kibibytes).

    Not from getrusage(2): its figure survives an exec, and so is that of whoever started this process.
    """
    (line,) = [one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    main()
