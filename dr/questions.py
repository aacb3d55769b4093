"""What steps ask of PostgreSQL: one name per question, so that a simulator can answer in a server's place."""

from dr import baseline
from dr.checks import (
    assertions,
    collations,
    constraints,
    content,
    decryption,
    first_session,
    heartbeat,
    index_answers,
    opens,
    planting,
    readable,
    references,
    schema,
    structure,
    visibility,
)


class Questions:
    """Put to real servers. What each means stands where it is answered."""

    capture = staticmethod(baseline.capture)
    outlets = staticmethod(first_session.look)
    disable = staticmethod(first_session.disable)
    isolated = staticmethod(first_session.prove)
    opens = staticmethod(opens.check)
    heartbeat = staticmethod(heartbeat.check)
    content = staticmethod(content.check)
    schema = staticmethod(schema.check)
    assertions = staticmethod(assertions.check)
    decryption = staticmethod(decryption.check)
    structure = staticmethod(structure.check)
    visibility = staticmethod(visibility.check)
    readable = staticmethod(readable.check)
    index_answers = staticmethod(index_answers.check)
    constraints = staticmethod(constraints.check)
    collations = staticmethod(collations.check)
    references = staticmethod(references.check)
    plant = staticmethod(planting.plant)
