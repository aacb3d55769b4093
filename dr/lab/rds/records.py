"""What exists in a region: plain records, changed only under the world's lock."""

import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Event, Lock
from typing import Any

from dr.lab.engine.archive import Archive
from dr.lab.engine.backup import Base
from dr.lab.engine.cluster import Cluster
from dr.lab.rds.clusters.records import Clusters, Membership
from dr.lab.rds.neighbours import Subnet
from dr.lab.rds.pauses import Pause
from dr.lab.rds.quotas import Quotas

Tags = dict[str, str]


@dataclass
class Traits:
    """What an instance is, as far as its snapshots and backups remember it."""

    identifier: str
    resource_id: str
    created: datetime | None
    version: str
    instance_class: str
    storage: int
    storage_type: str
    iops: int | None
    throughput: int | None
    master: str
    password: str = field(repr=False)
    """Known to the lab alone: `dr lab status` shows how to get in."""
    database: str | None
    encrypted: bool
    key: str | None
    iam: bool
    zone: str
    vpc: str
    retention: int
    backup_window: str
    copy_tags: bool
    tags: Tags


@dataclass(frozen=True)
class StorageOperation:
    """What the storage is busy with although the instance can be used: loading lazily, or optimizing."""

    status: str
    begun: float
    """By the monotonic clock."""
    dwell: float

    @property
    def percent(self) -> int | None:
        """How much is done; None when it is over."""
        passed = time.monotonic() - self.begun
        return int(100 * passed / self.dwell) if passed < self.dwell else None


@dataclass
class Instance:
    """A DB instance."""

    region: str
    traits: Traits
    cluster: Cluster
    status: str
    subnet_group: str
    security_groups: list[str]
    parameter_group: str
    multi_az: bool
    public: bool
    protected: bool
    auto_minor: bool
    maintenance_window: str
    lifecycle: str
    backup: "Backup | None" = None
    latest: datetime | None = None
    membership: Membership | None = None
    """Set where this is an instance of a DB cluster."""
    storage_operation: StorageOperation | None = None
    keyless_since: datetime | None = None
    """When its KMS key was found to be out of reach."""
    stopped: datetime | None = None
    """Since when it has been stopped, in machine time."""
    parameters_pending: bool = False
    parameters_applying: int = 0
    """Changes of parameters that are on their way into the running server."""
    following: "Following | None" = None
    """Set where this is a read replica."""
    secret: "MasterSecret | None" = None
    """Set where Secrets Manager keeps the master's password."""
    pending: dict[str, Any] = field(default_factory=dict)
    """Shown as PendingModifiedValues."""
    deferred: dict[str, Any] = field(default_factory=dict)
    """Accepted without ApplyImmediately: waits for a maintenance window, or for the next call that applies at once."""
    deferred_since: datetime | None = None
    """From when on a maintenance window that opens is theirs; calendar time."""

    @property
    def identifier(self) -> str:
        return self.traits.identifier

    @property
    def resource_id(self) -> str:
        return self.traits.resource_id

    @property
    def tags(self) -> Tags:
        return self.traits.tags


@dataclass
class Following:
    """The tie between a read replica and its source."""

    source: Instance
    slot: str
    """The replication slot that the source keeps for the replica."""
    status: str = "replicating"
    """As DescribeDBInstances tells it: replicating, error, stopped or terminated."""
    message: str = ""
    cut: bool = False
    """Told to receive nothing more."""
    end: Event = field(default_factory=Event)
    busy: Lock = field(default_factory=Lock)
    """Held while the way of following is changed, or ended."""


@dataclass
class MasterSecret:
    """A secret of RDS's own, with the master's password in it."""

    arn: str
    key: str
    status: str = "creating"


@dataclass
class Snapshot:
    """A DB snapshot: manual, automated or copied."""

    region: str
    identifier: str
    kind: str
    traits: Traits
    status: str
    tags: Tags
    directory: Path
    begun: float
    """By the monotonic clock; with `dwell` it makes a believable progress."""
    dwell: float
    base: Base | None = None
    created: datetime | None = None
    original_created: datetime | None = None
    database_time: datetime | None = None
    size: int = 0
    source_region: str | None = None
    source: str | None = None
    queued: bool = False
    stuck_at: int | None = None
    """The per cent at which its copy stands still: see the fault `copy-stuck`."""


@dataclass
class Backup:
    """The automated backups of one instance in one region: base backups and a WAL archive."""

    region: str
    identifier: str
    traits: Traits
    source_region: str
    status: str
    directory: Path
    archive: Archive
    retention: int
    key: str | None
    bases: list[Base] = field(default_factory=list)
    """Oldest first."""
    taken: int = 0
    """The number of the newest base ever: numbers are not given again."""
    floor: datetime | None = None
    """What lies before this is older than the retention allows to restore; machine time."""
    latest: datetime | None = None
    night: datetime | None = None
    """The last backup window that a base was taken in, or was missed in; calendar time."""
    readers: int = 0
    """Restores under way: no base may lapse beneath them."""
    source: "Backup | None" = None
    """Set where this is a replica of another region's."""
    stalled: bool = False
    """Whether nothing arrives from the source any more: see the fault `backup-replication-stopped`."""
    pauses: list[Pause] = field(default_factory=list)
    """When its instance was stopped, oldest first; of a replica, see `stopped`."""
    stop: Event = field(default_factory=Event)
    busy: Lock = field(default_factory=Lock)
    """Held while its bytes are being read for a replica, or removed."""
    uploading: Lock = field(default_factory=Lock)
    """Held from reading the server's clock until that is the restorable time, so that it never goes back."""

    @property
    def tags(self) -> Tags:
        return self.traits.tags

    @property
    def stopped(self) -> list[Pause]:
        """When the instance behind it was stopped."""
        return self.source.stopped if self.source else self.pauses

    @property
    def stands_still(self) -> bool:
        """Whether the instance behind it is stopped now: then nothing of it becomes older."""
        return any(pause.ended is None for pause in self.stopped)

    def go_on(self, now: datetime) -> None:
        """The instance is started, or deleted: its backups become older again. Calendar time."""
        for pause in self.pauses:
            pause.ended = pause.ended or now

    @property
    def earliest(self) -> datetime | None:
        """The first second that can be restored: what the oldest base reaches and the retention allows."""
        reached = min((base.earliest for base in self.bases), default=None)
        return max(reached, self.floor) if reached and self.floor else reached


@dataclass
class SubnetGroup:
    region: str
    name: str
    description: str
    subnets: list[Subnet]
    tags: Tags


@dataclass
class ParameterGroup:
    region: str
    name: str
    family: str
    description: str
    values: dict[str, tuple[str, str]]
    """name -> value and apply method."""
    tags: Tags

    def settings(self) -> dict[str, str]:
        return {name: value for name, (value, _) in self.values.items()}


@dataclass(frozen=True)
class Occurrence:
    """What DescribeEvents tells."""

    at: datetime
    kind: str
    identifier: str
    arn: str
    message: str
    categories: tuple[str, ...]


@dataclass
class Region:
    """Everything of one region."""

    name: str
    directory: Path
    host_suffix: str
    quotas: Quotas = field(default_factory=Quotas)
    instances: dict[str, Instance] = field(default_factory=dict)
    reserved: set[str] = field(default_factory=set)
    """Names that a running rename will take."""
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    backups: dict[str, Backup] = field(default_factory=dict)
    subnet_groups: dict[str, SubnetGroup] = field(default_factory=dict)
    parameter_groups: dict[str, ParameterGroup] = field(default_factory=dict)
    clusters: Clusters = field(default_factory=Clusters)
    events: list[Occurrence] = field(default_factory=list)

    def endpoint(self, identifier: str) -> str:
        return f"{identifier}.{self.host_suffix}"
