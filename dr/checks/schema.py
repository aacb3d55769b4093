"""Is the shape what it was: objects, extensions, roles, sequences? (L5)

The fingerprint is one query over the catalogs, the same on source and restore. Sequences are read on their own: they
know no snapshots, so a baseline reads them at once on either side of the bracket.
"""

from collections.abc import Callable, Iterable, Mapping
from importlib import resources

from psycopg import sql

from dr import comparison, postgres
from dr.errors import Unable
from dr.isolation import Before, as_found
from dr.postgres import Login, Session, connect
from dr.schema_comparison import compare_roles, compare_schema
from dr.telling import telling
from dr.verification import Finding, InstanceBaseline, SchemaFingerprint, SequenceState

_FINGERPRINT = resources.files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")

# Those of unlogged tables are unlogged themselves from PostgreSQL 15 on: recovery starts them anew, by design.
_SEQUENCES = """
select c.oid, format('%I.%I', n.nspname, c.relname), pg_sequence_last_value(c.oid::regclass),
       s.seqincrement, s.seqcache, s.seqcycle, case when s.seqincrement > 0 then s.seqmax else s.seqmin end
  from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_sequence s on s.seqrelid = c.oid
 where c.relpersistence = 'p' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
"""

_NAMES = """
select c.oid, format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'S'
"""

# Every integer column that a sequence feeds, by ownership or by default; its type's bits; and whether some index leads
# with it, so that its maximum costs nothing.
_FED = """
select distinct d.seq, n.nspname, c.relname, a.attname, format('%I.%I.%I', n.nspname, c.relname, a.attname),
       a.attlen * 8,
       exists (select from pg_index i join pg_class x on x.oid = i.indexrelid join pg_am m on m.oid = x.relam
                where i.indrelid = c.oid and i.indkey[0] = a.attnum and i.indpred is null and i.indisvalid
                  and m.amname = 'btree')
  from (select objid as seq, refobjid as rel, refobjsubid as att from pg_depend
         where classid = 'pg_class'::regclass and refclassid = 'pg_class'::regclass and deptype in ('a', 'i')
        union
        select p.refobjid, f.adrelid, f.adnum from pg_depend p join pg_attrdef f on f.oid = p.objid
         where p.classid = 'pg_attrdef'::regclass and p.refclassid = 'pg_class'::regclass) d
  join pg_class s on s.oid = d.seq and s.relkind = 'S' join pg_class c on c.oid = d.rel and c.relkind in ('r', 'p')
  join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid and a.attnum = d.att
 where a.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) and c.relpersistence = 'p' order by 5
"""


def sequences(session: Session) -> dict[str, SequenceState]:
    """Where every sequence stands at this moment: one query, quick enough for the inside of a bracket.

    To look at one takes the lock of a writer (PostgreSQL, `init_sequence`), which nobody else's `nextval` minds, but
    everybody who alters it: so the session must not be in a transaction that lasts.
    """
    with telling(f"reading the sequences of {session.info.dbname}"):
        rows = session.execute(_SEQUENCES).fetchall()
    return {
        key: SequenceState(last=last, increment=increment, cache=cache, cycles=cycles, limit=limit)
        for _, key, last, increment, cache, cycles, limit in rows
    }


def behind(session: Session, known: dict[str, SequenceState]) -> dict[str, SequenceState]:
    """The same sequences, with the column named that has overtaken one, and one that is full before its sequence is.

    Asked of the source after its sequences were read, a column may hold a later value for no other reason than that
    time has passed: the columns are read in the snapshot, which is as old as the sequences' values.
    """
    found = dict(known)
    with telling(f"comparing the sequences of {session.info.dbname} with their columns"):
        names: dict[int, str] = dict(session.execute(_NAMES).fetchall())
        for oid, schema, table, column, label, bits, indexed in session.execute(_FED).fetchall():
            state = found.get(names.get(oid, ""))
            if state is None or state.cycles:
                continue
            state = found[names[oid]] = _limited(state, label, bits)
            if not indexed:
                continue
            query = sql.SQL("select {}({}) from {}").format(
                sql.SQL("max" if state.increment > 0 else "min"), sql.Identifier(column), sql.Identifier(schema, table)
            )
            row = session.execute(query).fetchone()
            extreme = row[0] if row else None
            if extreme is None:
                continue
            overtaken = state.last is None or (extreme - state.last) * state.increment > 0
            if overtaken and (state.last is not None or extreme > 0):
                found[names[oid]] = state.model_copy(update={"behind": label})
    return found


def _limited(state: SequenceState, column: str, bits: int) -> SequenceState:
    limit = 2 ** (bits - 1) - 1 if state.increment > 0 else -(2 ** (bits - 1))
    if state.limit is None or abs(limit) >= abs(state.limit):
        return state
    return state.model_copy(update={"limit": limit, "limited_by": column})


def fingerprint(session: Session, known: dict[str, SequenceState]) -> SchemaFingerprint:
    """The shape of a database as this session's snapshot sees it, with the sequences as they were read."""
    with telling(f"reading the catalogs of {session.info.dbname}"):
        rows = session.execute(_FINGERPRINT.encode()).fetchall()
    kinds: dict[str, dict[str, str]] = {"object": {}, "extension": {}, "role": {}, "setting": {}}
    for kind, name, text in rows:
        kinds[kind][name] = text or ""
    return SchemaFingerprint(
        objects=kinds["object"],
        extensions=kinds["extension"],
        roles=kinds["role"],
        sequences=behind(session, known),
        settings=kinds["setting"],
    )


def observe(login: Login) -> SchemaFingerprint:
    """The shape of one database of a restore."""
    with connect(login) as session:
        postgres.begin(session)
        postgres.hold(session)
        return fingerprint(session, sequences(session))


def check(
    login_for: Callable[[str], Login],
    baseline: InstanceBaseline,
    *,
    first: str,
    before: Mapping[str, Before] | None = None,
) -> list[Finding]:
    """Compare the shape of every database, and the roles of the instance once.

    `before`: how databases were before the first session changed them, where there was one.
    Answers to the names `schema`, `extensions`, `roles` and `sequences`. A database that is missing or too many is the
    content check's finding. Raises Unable where the instance as a whole cannot be asked.
    """
    if missing := comparison.whole(baseline):
        raise Unable(missing, hint="a baseline is no evidence unless it is whole; `dr backup` records a new one")
    with connect(login_for(first)) as session:
        there = set(postgres.databases(session))
    findings: list[Finding] = []
    roles_told = False
    for name in sorted(baseline.databases.keys() & there):
        known = baseline.databases[name]
        try:
            observed = observe(login_for(name))
        except Unable as problem:
            findings += _unable(name, str(problem))
            continue
        restored = as_found(observed.objects, (before or {}).get(name))
        findings += compare_schema(known, observed.model_copy(update={"objects": restored}))
        if not roles_told:
            findings += compare_roles(baseline.asset, known, observed)
            roles_told = True
    for name in sorted(baseline.databases.keys() - there):
        findings += _unable(name, "the database is missing")
    return findings


def _unable(name: str, reason: str) -> Iterable[Finding]:
    return [
        Finding(check=check_, level="L5", outcome="errored", subject=name, detail=reason)
        for check_ in ("schema", "extensions", "sequences")
    ]
