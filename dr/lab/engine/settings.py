"""What a cluster is told: postgresql.conf and pg_hba.conf, written anew by us for every cluster.

A restored data directory brings its source's files along; they are replaced, so that nothing of the source (archive,
certificates) lives on in the copy.
"""

import re
from collections.abc import Mapping
from pathlib import Path

PARAMETERS = "parameters.conf"

DEFAULTS = {
    "max_connections": "100",
    "shared_buffers": "16MB",
    "max_wal_senders": "10",
    "max_replication_slots": "10",
    "min_wal_size": "8MB",
    "max_wal_size": "512MB",
    "timezone": "UTC",
    "jit": "off",
}
"""What a parameter group may change."""

FIXED = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "wal_level": "logical",
    # A lab's databases need not survive the machine.
    "fsync": "off",
    # Below its own folder, so that whoever removes a server that was killed removes this as well.
    "dynamic_shared_memory_type": "mmap",
    "archive_mode": "on",
    # We read times in the server's log and WAL.
    "log_timezone": "UTC",
    "lc_messages": "C",
    "log_line_prefix": "%m [%p] ",
}
"""What the lab stands on."""

OURS = re.compile(
    r"(listen_addresses|unix_socket.*|port|ssl.*|data_directory|.*_file|archive_.*|.*_command|recovery_.*|primary_.*|"
    r"wal_level|fsync|dynamic_shared_memory_type|hot_standby|include.*|password_encryption|lc_messages|log_timezone|log_line_prefix|"
    r"log_directory|log_filename|logging_collector|dynamic_library_path)"
)
"""Settings that a parameter group may name but never decides here."""


FORCE_TLS = "rds.force_ssl"
FORCED_SINCE = 15
"""RDS turns clients without TLS away by default from this version on."""


def tls_required(parameters: Mapping[str, str], major: int) -> bool:
    """Whether a client has to speak TLS, by the parameter group or by RDS's default for this version."""
    return parameters.get(FORCE_TLS, "1" if major >= FORCED_SINCE else "0") == "1"


def main_file(*, archive_command: str, certificate: Path | None, key: Path | None, extra: Mapping[str, str]) -> str:
    """The text of postgresql.conf."""
    settings = {**FIXED, "archive_command": archive_command, **extra}
    if certificate and key:
        settings |= {"ssl": "on", "ssl_cert_file": str(certificate), "ssl_key_file": str(key)}
    include = f"include_if_exists = '{PARAMETERS}'\n"
    return _lines(DEFAULTS) + include + _lines(settings)


def parameters_file(values: Mapping[str, str]) -> str:
    """The text of the file that a parameter group becomes."""
    return _lines({name: value for name, value in sorted(values.items()) if not OURS.fullmatch(name)})


def _lines(values: Mapping[str, str]) -> str:
    return "".join(f"{name} = {quoted(value)}\n" for name, value in values.items())


def access_file(*, tls: bool) -> str:
    """The text of pg_hba.conf: a password, from this machine, under TLS where that is required.

    The database `rdsadmin` is RDS's own.
    """
    kind = "hostssl" if tls else "host"
    return "".join(
        f"{kind} {line}\n"
        for line in (
            "rdsadmin rdsadmin 127.0.0.1/32 scram-sha-256",
            "rdsadmin all 127.0.0.1/32 reject",
            "all all 127.0.0.1/32 scram-sha-256",
            "replication rdsadmin,+rds_replication 127.0.0.1/32 scram-sha-256",
        )
    )


def quoted(value: str) -> str:
    """A value as postgresql.conf wants it."""
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
