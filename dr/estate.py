"""The estate: the sites and assets that are protected, and the objectives that were promised for them. One file."""

from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from dr.quantities import Bytes, Duration

SiteName = Literal["primary", "recovery"]
Tier = Literal["fast", "canonical"]
"""`fast`: the server's own hash of a record, good within one major version of PostgreSQL. It is a hash of equality, and
not promised to stay what it is. `canonical`: a digest of each column's text under pinned settings, which stays the same
across major versions, and costs about four times as much."""

CHECKS = (
    "recovery_point",
    "control_plane",
    "opens",
    "objects",
    "object_metadata",
    "replica",
    "structure",
    "visibility",
    "readable",
    "index_answers",
    "content",
    "agreement",
    "schema",
    "extensions",
    "roles",
    "sequences",
    "constraints",
    "collations",
    "heartbeat",
    "references",
    "assertions",
    "decryption",
)
"""Every check that a restore test knows, by the name that `required_checks` uses."""


def _word(text: object) -> object:
    if isinstance(text, bool | int | float):
        raise ValueError(f"{text!r} is not text; quote it")  # noqa: TRY004 - pydantic turns ValueError into a complaint
    return text


def _known_check(name: str) -> str:
    if name not in CHECKS:
        raise ValueError(f"{name!r} is no check; they are {', '.join(CHECKS)}")
    return name


CheckName = Annotated[str, AfterValidator(_known_check)]
Word = Annotated[str, BeforeValidator(_word), StringConstraints(min_length=1, max_length=1024)]
Name = Annotated[str, BeforeValidator(_word), StringConstraints(pattern=r"^[a-z](-?[a-z0-9])*$", max_length=30)]
"""A name that we give: it becomes part of AWS identifiers, so it keeps to what every one of them allows.

RDS takes neither two hyphens in a row nor one at the end."""
Identifier = Annotated[
    str, BeforeValidator(_word), StringConstraints(pattern=r"^[A-Za-z](-?[A-Za-z0-9])*$", max_length=63, to_lower=True)
]
"""An RDS identifier: RDS stores it in lower case, whatever was typed."""
BucketName = Annotated[str, BeforeValidator(_word), StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]


class Part(BaseModel):
    """A part of the estate file: unknown keys are mistakes, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Scratch(Part):
    """What a test or rehearsal may use in a site. All of it exists beforehand."""

    subnet_group: Word
    security_group: Word
    parameter_group: Word
    kms_key: Word
    bucket: Word
    classes: tuple[Word, ...] = Field(min_length=1)
    """Instance classes to try in turn: the next one when a class has no capacity."""


class Lasting(Part):
    """What a failover builds with in the recovery site."""

    subnet_group: Word
    security_group: Word
    parameter_group: Word
    kms_key: Word


class Site(Part):
    """One region of one account."""

    region: Annotated[str, BeforeValidator(_word), StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$")]
    scratch: Scratch | None = None
    recovery: Lasting | None = None


class Sites(Part):
    primary: Site
    recovery: Site

    @model_validator(mode="after")
    def _two_regions(self) -> Self:
        if self.primary.region == self.recovery.region:
            raise ValueError(f"primary and recovery are both in {self.primary.region}: losing it would lose both")
        return self


class Roles(Part):
    """A role to assume per kind of work; None is the caller's own."""

    observe: Word | None = None
    scratch: Word | None = None
    recover: Word | None = None
    heartbeat: Word | None = None


class Person(Part):
    """Somebody who may approve, by the public key: `ed25519:` and its base64, as `dr override key` prints it."""

    key: Word
    also: Word | None = None


class Objectives(Part):
    """What was promised: recovery time, recovery point, and how long backups are kept."""

    rto: Duration
    rpo: Duration
    retention: Duration


class Promises(Part):
    """What was promised of a source besides its objectives. What is not named is not judged."""

    multi_az: bool | None = None
    deletion_protection: bool | None = None
    encrypted: bool | None = None
    public: bool | None = None
    automated_retention: Duration | None = None
    """For how long its automated backups are kept, at least."""


class Reading(Part):
    """How a source is read for a baseline, while people work with it."""

    replica: Identifier | None = None
    """A read replica of the instance, in the same region, to read instead of the instance itself."""
    workers: Annotated[int, Field(strict=True, ge=1, le=64)] = 2
    """Sessions that read at the same time, for each of the two sides of the bracket."""
    rate: Bytes | None = None
    """Bytes a second that all of them read together, on average. None: as fast as it goes."""
    hashing: Tier = "fast"
    """`canonical` where restores are of another major version than the source, and for who must be able to compare the
    hashes years later."""


class Database(Part):
    """An RDS instance, with the secrets that hold the owner's and the application's passwords."""

    instance: Identifier
    owner_secret: Word
    app_secret: Word
    heartbeat_secret: Word | None = None
    """The secret of the role that writes the heartbeat; None: nothing of ours writes one."""
    database: Word | None = None
    """The database that references and assertions speak of; None is the one that the instance was created with."""
    promises: Promises = Promises()
    required_checks: tuple[Literal[CHECKS], ...] = ("content", "schema", "heartbeat")  # type: ignore[valid-type]
    """Checks that must give an answer: one that an instance does not offer makes the run inconclusive."""
    reading: Reading = Reading()


class Bucket(Part):
    """A bucket, and the bucket that replication copies it to."""

    bucket: BucketName
    copy_: BucketName = Field(alias="copy")
    heartbeat: Word = "firedrill/heartbeat"
    """The key of the heartbeat object: the newest replicated one tells how far the copy has come."""


class Reference(Part):
    """Rows that name objects: after a restore each must find its object, at the same instant."""

    database: Word
    table: Word
    key: Word
    version: Word | None = None
    sha256: Word | None = None
    bucket: Word
    orphans: Literal["tell", "fail"] = "tell"
    """What becomes of objects that no row names: a write that never ended leaves one, so they are only told, unless the
    application knows none. Where several references share a bucket, one that says `fail` is enough."""


class Question(Part):
    """Something that the restored database is asked, by a select of the application's own."""

    name: Word
    database: Word
    sql: Word


class Assertion(Question):
    """A question that has one right answer."""

    expect: Word | None = None
    """None: what the source itself answered at the instant, recorded with the baseline. Rows in any order."""


class Decryption(Question):
    """A question for values that the application encrypted itself, and the program that knows whether they decrypt."""

    command: tuple[Word, ...] = Field(min_length=1)
    seconds: Annotated[int, Field(strict=True, ge=1, le=3600)] = 60
    """How long question and program may take, each."""


class Application(Part):
    """Assets that must come back together, to one instant, and how to tell that they work."""

    objectives: Objectives
    databases: dict[Name, Database] = Field(min_length=1)
    buckets: dict[Name, Bucket] = Field(default_factory=dict)
    references: tuple[Reference, ...] = ()
    assertions: tuple[Assertion, ...] = ()
    decryptions: tuple[Decryption, ...] = ()

    @property
    def questions(self) -> dict[str, tuple[Question, ...]]:
        """The check that asks them -> what the application itself wants to know."""
        return {"assertions": self.assertions, "decryption": self.decryptions}


class Estate(Part):
    """Everything that is protected. `account` is asserted before every call that changes something."""

    account: Annotated[str, BeforeValidator(_word), StringConstraints(pattern=r"^[0-9]{12}$")]
    sites: Sites
    roles: Roles = Roles()
    certificate_authority: Word | None = None
    """The file of certificates that the databases' own must lead back to: on AWS, RDS's global bundle."""
    control: Word
    evidence: Word
    deletions_per_run: Annotated[int, Field(strict=True, ge=1, le=1000)] = 40
    """Scratch instances and prefixes that one run may create, because it may not remove more. 40 is also how many
    instances an account has room for in a region (RDS quotas), unless it asked for more."""
    challenge: Annotated[bool, Field(strict=True)] = True
    """Whether a restore test damages its own scratch in the end, and has to find that."""
    people: dict[Word, Person] = Field(default_factory=dict)
    applications: dict[Name, Application] = Field(min_length=1)

    @property
    def stores(self) -> dict[str, str]:
        """`control` and `evidence` -> the bucket, of those that are in one."""
        given = {"control": self.control, "evidence": self.evidence}
        return {
            key: location.removeprefix("s3://").partition("/")[0]
            for key, location in given.items()
            if location.startswith("s3://")
        }

    def site(self, name: SiteName) -> Site:
        return self.sites.primary if name == "primary" else self.sites.recovery
