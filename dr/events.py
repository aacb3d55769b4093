"""What a journal can say: one small frozen value per kind of event. Pure: journal.py writes and reads them."""

from typing import Annotated, Any, Literal

from pydantic import Field

from dr.harmless import LINE_LENGTH, shortened
from dr.recovery import Fact, Moment
from dr.verification import Coverage, Finding


class Thing(Fact):
    """Something that a run creates: an instance, a snapshot, or the objects below a prefix of a bucket."""

    kind: Literal["instance", "snapshot", "objects", "replication"]
    name: str
    region: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name} in {self.region}"


class Opened(Fact):
    """The first event: who runs what, by which plan."""

    event: Literal["opened"] = "opened"
    run: str
    tool: str
    host: str
    pid: int
    plan: dict[str, Any]
    estate: str = ""
    """The text of the estate that the plan was made from: whoever goes on with the run goes on with that one."""


class Resumed(Fact):
    """Another process goes on with a run whose own died. From here on, the monotonic clock is that process's."""

    event: Literal["resumed"] = "resumed"
    tool: str
    host: str
    pid: int
    estate_changed: bool = False
    """The estate's file says something else than when the run was planned: the run keeps to its plan."""
    torn: bool = False
    """The kill had cut the last line short. It was dropped: what it announced had not begun."""


class Overridden(Fact):
    """A person signed that this run goes on although the control store does not answer: see `dr.approval`."""

    event: Literal["overridden"] = "overridden"
    person: str
    reason: str
    nonce: str
    """Of the override, which is good for once."""
    expires: Moment
    silence: str
    """What became of the attempt to reach the control store."""
    unguarded: tuple[str, ...]
    """What nobody watches over from here on."""

    def __str__(self) -> str:
        reason = shortened(self.reason, LINE_LENGTH)
        return f"{self.person} let it go on without its control store ({reason}): {'; '.join(self.unguarded)}"


class StepStarted(Fact):
    event: Literal["step_started"] = "step_started"
    step: str


class StepFinished(Fact):
    event: Literal["step_finished"] = "step_finished"
    step: str
    outcome: Literal["done", "errored", "interrupted"]
    detail: str = ""


class Intended(Fact):
    """Written before a call that changes something: after a kill, the thing may exist."""

    event: Literal["intended"] = "intended"
    operation: str
    thing: Thing


class Observed(Fact):
    """Written after the call: the thing exists, under this resource id."""

    event: Literal["observed"] = "observed"
    operation: str
    thing: Thing
    resource_id: str | None = None


class Learned(Fact):
    """A fact by which steps meet: steps never hand values to each other."""

    event: Literal["learned"] = "learned"
    name: str
    value: Any


class Found(Fact):
    """A check answered about an asset."""

    event: Literal["found"] = "found"
    asset: str
    finding: Finding
    step: str = ""
    """The step that asked: what it found counts no longer when it is done again."""


class Covered(Fact):
    """How much of an asset was compared."""

    event: Literal["covered"] = "covered"
    asset: str
    coverage: Coverage
    step: str = ""


class Isolated(Fact):
    """A scratch instance was seen to reach nothing, from outside and from inside, before anybody else entered it."""

    event: Literal["isolated"] = "isolated"
    asset: str
    thing: Thing
    resource_id: str
    proven: dict[str, str]
    """Proof -> what was seen. The names are those of `isolation.PROOFS`."""
    found: dict[str, int]
    """Kind of outlet -> how many there were."""
    disabled: dict[str, int]
    """Kind of outlet -> how many the first session had to switch off."""
    names: tuple[str, ...] = ()
    """Some of them, as `kind database.name`."""
    step: str = ""


class Challenged(Fact):
    """A damage was planted in scratch, and the checks were asked again: did they say so?"""

    event: Literal["challenged"] = "challenged"
    seed: int
    kind: str
    asset: str
    subject: str
    """What was damaged: `database.schema.table`, `bucket/key`. Never a row's value."""
    found: bool
    by: tuple[str, ...]
    """The checks that said so."""


class TeardownStarted(Fact):
    event: Literal["teardown_started"] = "teardown_started"


class Removed(Fact):
    """Gone, and seen to be gone."""

    event: Literal["removed"] = "removed"
    thing: Thing


class Remains(Fact):
    """Could not be removed, or may not be."""

    event: Literal["remains"] = "remains"
    thing: Thing
    reason: str


class Aborted(Fact):
    """The run was stopped on request, or by a bug."""

    event: Literal["aborted"] = "aborted"
    reason: str


class Closed(Fact):
    """The last event: calls per region, retries included."""

    event: Literal["closed"] = "closed"
    regions_called: dict[str, int]


Event = (
    Opened
    | Resumed
    | Overridden
    | StepStarted
    | StepFinished
    | Intended
    | Observed
    | Learned
    | Found
    | Covered
    | Isolated
    | Challenged
    | TeardownStarted
    | Removed
    | Remains
    | Aborted
    | Closed
)


class Entry(Fact):
    """One line of a journal: an event, its number, its moment, and the hash of the line before."""

    n: int
    at: Moment
    monotonic: float = Field(ge=0, le=1e10)
    """Seconds by the writer's monotonic clock: durations within one process come from here."""
    prev: str
    body: Annotated[Event, Field(discriminator="event")]
