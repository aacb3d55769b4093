"""One PostgreSQL server process and its data directory: make, start, stop, connect."""

import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from dr.errors import Unable
from dr.lab.engine import roles, settings
from dr.lab.engine.account import Account
from dr.lab.engine.gate import Gate
from dr.lab.engine.ports import free_port
from dr.lab.engine.tls import Authority
from dr.lab.engine.tls_front import TlsFront
from dr.lab.engine.tree import Tree

NO_ARCHIVE = "true"
PORT_ATTEMPTS = 8


class ServerFailed(Unable):
    """The server did not come up. The message ends with the last lines of its log."""


@dataclass(frozen=True)
class Machine:
    """What all clusters of one lab share."""

    tree: Tree
    account: Account
    authority: Authority
    password: str = field(repr=False)
    """Of the hidden superuser; one per lab, so that a restored cluster can be entered like its source."""


@dataclass
class Cluster:
    """A directory with `data`, a certificate and a log; and, while it runs, a port."""

    machine: Machine
    directory: Path
    endpoint: str
    """The host name that clients verify."""
    archive_command: str = NO_ARCHIVE
    parameters: Mapping[str, str] = field(default_factory=dict)
    following: Mapping[str, str] = field(default_factory=dict)
    """Settings by which a standby follows its source, at every start; empty for anybody else."""
    port: int = 0
    """Where clients connect."""
    inner_port: int = 0
    """Where TLS is spoken, and where the lab itself connects: the same, unless a gate stands before it."""
    server_port: int = 0
    """Where the server listens: the same again, unless it needs somebody to speak TLS for it."""
    front: TlsFront | None = field(default=None, repr=False)
    aliases: tuple[str, ...] = ()
    """Other names that clients may know it by."""
    gate: Gate | None = field(default=None, repr=False)
    """What clients pass on their way, where the lab wants to be able to lose them."""

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def certificate(self) -> Path:
        return self.directory / "server.crt"

    @property
    def key(self) -> Path:
        return self.directory / "server.key"

    @property
    def log(self) -> Path:
        return self.directory / "postgresql.log"

    def create(self, *, checksums: bool = True) -> None:
        """A fresh cluster, furnished like RDS's, running."""
        account = self.machine.account
        account.folder(self.directory)
        secret = self.directory / "password"
        self.write(secret, self.machine.password)
        account.run(
            [
                self.machine.tree.program("initdb"),
                f"--pgdata={self.data}",
                f"--username={roles.ADMIN}",
                f"--pwfile={secret}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--wal-segsize=1",
                "--no-sync",
                *(["--data-checksums"] if checksums else []),
            ]
        )
        secret.unlink()
        self.start()
        with self.connect("postgres") as connection:
            roles.furnish(connection)
            roles.watch_extensions(connection)
        with self.connect("template1") as connection:
            roles.watch_extensions(connection)

    def certify(self) -> None:
        """A certificate for the endpoint's names; a running server takes it with the next `reload`."""
        certificate, key = self.machine.authority.issue(self.endpoint, *self.aliases)
        self.write(self.certificate, certificate.decode())
        self.write(self.key, key.decode())

    def configure(self, extra: Mapping[str, str] | None = None) -> None:
        """Write the configuration; `extra` holds what only this start needs (recovery)."""
        tls = self.machine.tree.speaks_tls
        self.write(
            self.data / "postgresql.conf",
            settings.main_file(
                archive_command=self.archive_command,
                certificate=self.certificate if tls else None,
                key=self.key if tls else None,
                extra={**self.following, **(extra or {})},
            ),
        )
        self.write(self.data / settings.PARAMETERS, settings.parameters_file(self.parameters))
        required = settings.tls_required(self.parameters, self.machine.tree.major)
        self.write(self.data / "pg_hba.conf", settings.access_file(tls=tls and required))
        if self.front:
            self.front.required = required

    def start(self, extra: Mapping[str, str] | None = None) -> None:
        """Run the server and wait until it takes connections. Raises ServerFailed when it does not come up."""
        if not self.key.exists():
            self.certify()
        self.configure(extra)
        if self.pid is not None and _unburied(self.pid):
            # PostgreSQL would take the number of its dead predecessor for a living one.
            (self.data / "postmaster.pid").unlink()
        for attempt in range(PORT_ATTEMPTS):
            if not self.server_port or attempt:
                self.server_port = free_port()
            begin = self.log.stat().st_size if self.log.exists() else 0
            try:
                self._pg_ctl("start", "-w", "-t", "600", "-l", str(self.log), "-o", f"-p {self.server_port}")
            except Unable as problem:
                said = self._said_since(begin)
                if "could not bind" in said:
                    continue
                raise ServerFailed(f"{self.endpoint}: no start: {said}", hint=f"see {self.log}") from problem
            self._open_door()
            self._await_open(begin)
            return
        raise ServerFailed(f"{self.endpoint}: no free port", hint="something takes ports faster than the lab")

    def _open_door(self) -> None:
        """Where the server speaks no TLS, somebody speaks it for it; and a gate opens last."""
        self._close_door()
        if self.machine.tree.speaks_tls:
            self.inner_port = self.server_port
        else:
            self.inner_port = self.inner_port or free_port()
            self.front = TlsFront(self.inner_port, self.server_port, self.certificate, self.key)
            self.front.required = settings.tls_required(self.parameters, self.machine.tree.major)
        self.port = self.gate.open(self.inner_port) if self.gate else self.inner_port

    def _close_door(self) -> None:
        if self.gate:
            self.gate.shut()
        if self.front:
            self.front.close()
            self.front = None

    def stop(self, mode: str = "fast") -> None:
        """End the server if it runs: `fast` writes everything out, `immediate` does not."""
        self._close_door()
        if self.alive:
            self._pg_ctl("stop", "-w", "-t", "600", "-m", mode)

    def restart(self) -> None:
        self.stop()
        self.start()

    def reload(self) -> None:
        """Make a running server read its configuration and certificate again."""
        self.configure()
        if self.front:
            self.front.certify(self.certificate, self.key)
        if self.alive:
            self._pg_ctl("reload")

    @property
    def pid(self) -> int | None:
        """Of the postmaster, by its own lock file."""
        try:
            return int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None

    @property
    def alive(self) -> bool:
        pid = self.pid
        if pid is None:
            return False
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return not _unburied(pid)

    def address(self, user: str, password: str, database: str, *, port: int | None = None) -> str:
        """A data source name that verifies the server fully; by the way that clients go, or to another port."""
        words = {
            "host": self.endpoint,
            "hostaddr": "127.0.0.1",
            "port": str(port or self.port),
            "dbname": database,
            "user": user,
            "password": password,
            "sslmode": "verify-full",
            "sslrootcert": str(self.machine.authority.certificate_file),
        }
        return psycopg.conninfo.make_conninfo(**words)

    def admin_address(self, database: str = "postgres") -> str:
        """Around the gate: the lab reaches its servers whatever their clients have lost."""
        return self.address(roles.ADMIN, self.machine.password, database, port=self.inner_port)

    def replication_address(self) -> str:
        """For PostgreSQL's own programs: the password travels by environment, not where `ps` shows it."""
        if not self.machine.tree.speaks_tls:
            return f"host=127.0.0.1 port={self.server_port} user={roles.ADMIN} sslmode=disable"
        parts = psycopg.conninfo.conninfo_to_dict(self.admin_address())
        shown = {word: str(value) for word, value in parts.items() if word not in ("password", "dbname")}
        return psycopg.conninfo.make_conninfo(**shown)

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """As the hidden superuser, each statement its own transaction."""
        return psycopg.connect(self.admin_address(database), autocommit=True, connect_timeout=30)

    def remove(self) -> None:
        """Stop at once and delete everything."""
        self.stop("immediate")
        if self.gate:
            self.gate.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _await_open(self, begin: int) -> None:
        """A server in recovery is up long before it takes connections; when recovery fails it exits."""
        patience = time.monotonic() + 10
        while True:
            try:
                self.connect().close()
            except psycopg.OperationalError as problem:
                if not self.alive:
                    raise ServerFailed(
                        f"{self.endpoint}: the server gave up: {self._said_since(begin)}", hint=str(self.log)
                    ) from problem
                waiting = "starting up" in str(problem) or "not accepting" in str(problem)
                if not waiting and time.monotonic() > patience:
                    raise ServerFailed(
                        f"{self.endpoint}: the server lets nobody in: {self._said_since(begin)}", hint=str(self.log)
                    ) from problem
                time.sleep(0.02)
            else:
                return

    def _said_since(self, begin: int) -> str:
        with self.log.open("rb") as file:
            file.seek(begin)
            return file.read().decode(errors="replace")[-2000:].strip()

    def _pg_ctl(self, verb: str, *options: str) -> None:
        self.machine.account.run([self.machine.tree.program("pg_ctl"), verb, "-s", "-D", self.data, *options])

    def write(self, path: Path, text: str) -> None:
        """A file that only the server's account can read."""
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        self.machine.account.own(path)


def _unburied(pid: int) -> bool:
    """Whether a process is dead, but still has a number because its parent has not asked for its fate."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return Path("/proc/self").exists()
    return status.rpartition(")")[2].split()[0] == "Z"
