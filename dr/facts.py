"""The names of facts: where steps, and later the timeline, meet. No two of them spell one differently."""

INSTANT = "instant"
CHOSEN = "chosen"
RESTORABLE_AT_START = "restorable at start"
ASKED_AT = "asked at"
"""When the site said so: what it holds grows while nobody asks."""


CHALLENGE = "challenge"
"""What the run is about to damage in its own scratch, and with which seed: nobody may verify that scratch after it."""


def source_of(asset: str) -> str:
    """What a restore must know of the source of a database."""
    return f"source of {asset}"


def instant_of(asset: str) -> str:
    """The whole second that an asset's baseline brackets."""
    return f"instant of {asset}"


def baseline_of(asset: str) -> str:
    """The document that holds an asset's baseline or manifest."""
    return f"baseline of {asset}"


def snapshot_baseline_of(asset: str) -> str:
    """The document that holds the baseline around an asset's snapshot."""
    return f"snapshot baseline of {asset}"


def recovery_point_of(asset: str) -> str:
    """What an asset was restored from, in words for the report."""
    return f"recovery point of {asset}"


def restored(asset: str) -> str:
    """The resource id of the scratch instance, or the location of the restored objects."""
    return f"restored {asset}"


def newest_heartbeat_of(asset: str) -> str:
    """The moment of the newest heartbeat found in a restore."""
    return f"newest heartbeat of {asset}"


def told_heartbeat_of(asset: str) -> str:
    """The newest beat of a database that the replicated heartbeat object knows."""
    return f"told heartbeat of {asset}"


def database_of(asset: str) -> str:
    """The database of an instance that references and assertions speak of."""
    return f"database of {asset}"


def available_at(asset: str) -> str:
    """When a restore ended, by RDS's own event."""
    return f"available at {asset}"


def snapshot_instant_of(asset: str) -> str:
    """The whole second of the newest transaction inside an asset's snapshot."""
    return f"snapshot instant of {asset}"


def kept(name: str) -> str:
    """The document beside the journal in which a step kept what is too long for a line."""
    return f"kept {name}"


def kept_lines(name: str) -> str:
    """The documents, in their order, in which a step kept a stream of lines."""
    return f"kept lines {name}"


def versions_of(asset: str) -> str:
    """The stream of what a site's bucket lists, key by key, and which version in scratch became of which."""
    return f"versions-{asset}"


def held_of(asset: str) -> str:
    """The same stream, after the restore was read back."""
    return f"held-{asset}"


def joint_recovery_of(asset: str) -> str:
    """To which instant a bucket and the rows that name its objects can be recovered together."""
    return f"joint recovery of {asset}"


def manifests_of(asset: str) -> str:
    """The documents that hold a bucket's manifests, by their instants."""
    return f"manifests of {asset}"


def before_first_session(asset: str, resource_id: str) -> str:
    """Under which name is kept what could reach out of this very instance, and how that looked beforehand."""
    return f"before-first-session-{asset}-{resource_id}"
