"""What steps ask of PostgreSQL: one name per question, so that a simulator can answer in a server's place."""

from dr import baseline
from dr.checks import assertions, content, first_session, heartbeat, opens, references, schema, structure


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
    structure = staticmethod(structure.check)
    references = staticmethod(references.check)
