"""What exists of Aurora in a region: plain records, changed only under the world's lock."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

from dr.lab.engine.archive import Archive
from dr.lab.engine.backup import Base
from dr.lab.engine.cluster import Cluster
from dr.lab.engine.door import Door

if TYPE_CHECKING:
    from dr.lab.rds.records import Instance, ParameterGroup

Tags = dict[str, str]


@dataclass
class ClusterTraits:
    """What a cluster is, as far as its snapshots and backups remember it."""

    identifier: str
    resource_id: str
    created: datetime | None
    version: str
    master: str
    password: str = field(repr=False)
    """Known to the lab alone: `dr lab status` shows how to get in."""
    database: str | None
    encrypted: bool
    key: str | None
    iam: bool
    zones: list[str]
    vpc: str
    retention: int
    backup_window: str
    copy_tags: bool
    storage_type: str
    tags: Tags

    def remembered(self) -> "ClusterTraits":
        """A copy that later changes of the cluster do not reach."""
        return replace(self, zones=list(self.zones), tags=dict(self.tags))


@dataclass
class ClusterBackup:
    """The automated backups of one cluster: base backups and a WAL archive that is fed all the time."""

    region: str
    traits: ClusterTraits
    status: str
    directory: Path
    archive: Archive
    arn_name: str
    bases: list[Base] = field(default_factory=list)
    latest: datetime | None = None
    stop: Event = field(default_factory=Event)

    @property
    def identifier(self) -> str:
        return self.traits.identifier

    @property
    def tags(self) -> Tags:
        return self.traits.tags

    @property
    def earliest(self) -> datetime | None:
        return min((base.earliest for base in self.bases), default=None)


@dataclass
class AuroraCluster:
    """A DB cluster: a volume, and the instances that serve it."""

    region: str
    traits: ClusterTraits
    status: str
    volume: Cluster
    """The volume's server while no instance serves it."""
    backup: ClusterBackup
    subnet_group: str
    security_groups: list[str]
    parameter_group: str
    protected: bool
    auto_minor: bool
    maintenance_window: str
    lifecycle: str
    clone_group: str
    door: Door = field(repr=False)
    """Where clients of both endpoints connect, as long as the cluster exists."""
    writer: "Instance | None" = None
    """The member whose server has the volume."""
    busy: Lock = field(default_factory=Lock)
    """Held while servers over the volume are started, stopped, copied or exchanged."""
    pending: dict[str, Any] = field(default_factory=dict)
    """Accepted without ApplyImmediately, or not applied yet: shown as PendingModifiedValues."""
    turn: int = 0
    """Which reader the reader endpoint hands out next."""

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
class Membership:
    """What makes an instance a member of a cluster."""

    cluster: AuroraCluster
    tier: int
    parameters_pending: bool = False


@dataclass
class ClusterSnapshot:
    """A DB cluster snapshot: manual, automated or copied."""

    region: str
    identifier: str
    kind: str
    traits: ClusterTraits
    status: str
    tags: Tags
    directory: Path
    begun: float
    """By the monotonic clock; with `dwell` it makes a believable progress."""
    dwell: float
    base: Base | None = None
    created: datetime | None = None
    source: str | None = None
    queued: bool = False


@dataclass
class Clusters:
    """Everything of Aurora in one region."""

    live: dict[str, AuroraCluster] = field(default_factory=dict)
    reserved: set[str] = field(default_factory=set)
    """Names that a running rename will take."""
    snapshots: dict[str, ClusterSnapshot] = field(default_factory=dict)
    backups: dict[str, ClusterBackup] = field(default_factory=dict)
    """By the resource id of the cluster."""
    parameter_groups: "dict[str, ParameterGroup]" = field(default_factory=dict)
