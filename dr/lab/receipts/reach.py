"""How the sample application reaches its lab: AWS clients and database connections, from the connection file alone.

It is an application like any other, and stands outside of the product: what it knows of the lab is what a deployed
application is told: endpoints, a certificate authority, the names of its secrets.
"""

import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import boto3
import psycopg
from botocore.config import Config

from dr import connection as connections
from dr.lab.receipts import names

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient

Database = psycopg.Connection[tuple[Any, ...]]

_CONFIG = Config(
    connect_timeout=2,
    read_timeout=30,
    max_pool_connections=16,
    retries={"mode": "standard", "total_max_attempts": 3},
    s3={"addressing_style": "path"},
)


@dataclass(frozen=True)
class Login:
    """A user and a password, as the secret holds them."""

    username: str
    password: str

    def __repr__(self) -> str:
        return f"Login({self.username})"


class Reach:
    """Clients for both regions, made on first use, and connections to the instance's databases."""

    def __init__(self, home: Path) -> None:
        self.connection = connections.read({connections.VARIABLE: str(home / "connection.json")})
        self._session = boto3.session.Session()
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    def _client(self, service: str, region: str) -> Any:
        # Making a client is not safe from several threads at once; using one is.
        with self._lock:
            if (service, region) not in self._clients:
                keys = self.connection.credentials
                make = cast(Any, self._session.client)
                self._clients[service, region] = make(
                    service,
                    region_name=region,
                    endpoint_url=self.connection.endpoint(service, region),
                    aws_access_key_id=keys.access_key_id if keys else None,
                    aws_secret_access_key=keys.secret_access_key if keys else None,
                    config=_CONFIG,
                )
            return self._clients[service, region]

    def ec2(self, region: str) -> "EC2Client":
        return cast("EC2Client", self._client("ec2", region))

    def kms(self, region: str) -> "KMSClient":
        return cast("KMSClient", self._client("kms", region))

    def rds(self, region: str) -> "RDSClient":
        return cast("RDSClient", self._client("rds", region))

    def s3(self, region: str) -> "S3Client":
        return cast("S3Client", self._client("s3", region))

    def secrets(self, region: str) -> "SecretsManagerClient":
        return cast("SecretsManagerClient", self._client("secretsmanager", region))

    def login(self, secret: str) -> Login:
        """What a secret holds."""
        text = self.secrets(names.PRIMARY).get_secret_value(SecretId=secret)["SecretString"]
        return Login(**json.loads(text))

    def open(self, database: str, login: Login, *, name: str) -> Database:
        """Connect to a database of the instance, with its certificate verified against its own name.

        The address is asked for every time: a restarted instance may listen elsewhere.
        """
        (instance,) = self.rds(names.PRIMARY).describe_db_instances(DBInstanceIdentifier=names.INSTANCE)["DBInstances"]
        host, port = instance["Endpoint"]["Address"], instance["Endpoint"]["Port"]
        authority = self.connection.certificate_authority
        return psycopg.connect(
            host=host,
            hostaddr=self.connection.address(host) or "",
            port=port,
            dbname=database,
            user=login.username,
            password=login.password,
            sslmode="verify-full",
            sslrootcert=str(authority) if authority else "system",
            connect_timeout=3,
            application_name=name,
        )
