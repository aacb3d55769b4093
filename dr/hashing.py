"""How rows are hashed, so that a source and its restore are seen with the same eyes. Pure."""

from dr.estate import Tier
from dr.recovery import Fact


class Hashing(Fact):
    """Whoever compares two hashes has to have made both by this."""

    seed: int
    """Random for every capture, so that nobody can prepare rows that collide."""
    tier: Tier = "fast"


class Answer(Fact):
    """What a question was answered, without the answer: how many rows, and their hash."""

    rows: int = 0
    digest: str = ""
    unable: str = ""
    """Why there was no answer."""
