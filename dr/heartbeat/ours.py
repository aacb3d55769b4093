"""Is what stands below `firedrill` ours alone? Beats run by the owner's right, so nobody else may have a part in them.

Whoever may create things in a database can prepare a schema of that name, with tables whose triggers, rules, defaults
or conditions are functions of his own: the first beat would execute them as the owner of the database.
"""

from dr.errors import Refused
from dr.postgres import Session
from dr.telling import telling

# What belongs to the server itself is pinned, and so no dependency is recorded: what is, was made by somebody.
_STRANGE = """
with place as (select oid, nspowner, nspacl from pg_namespace where nspname = 'firedrill'),
relations as (select pg_class.* from pg_class join place on relnamespace = place.oid),
parts (class, part, relation) as (
    select 'pg_class'::regclass, oid, oid from relations where relname in ('heartbeat', 'lineage')
    union all select 'pg_class'::regclass, indexrelid, indrelid from pg_index
        where indrelid in (select oid from relations)
    union all select 'pg_attrdef'::regclass, oid, adrelid from pg_attrdef where adrelid in (select oid from relations)
    union all select 'pg_constraint'::regclass, oid, conrelid from pg_constraint
        where conrelid in (select oid from relations)
)
select format('schema firedrill is %s''s', nspowner::regrole) from place where nspowner <> current_user::regrole
union all
select format('relation %s is %s''s', oid::regclass, relowner::regrole) from relations
    where relowner <> current_user::regrole
union all
select format('function %s is %s''s', pg_proc.oid::regprocedure, proowner::regrole)
    from pg_proc join place on pronamespace = place.oid where proowner <> current_user::regrole
union all
select format('%s may create things in schema firedrill', coalesce(nullif(grantee, 0)::regrole::text, 'PUBLIC'))
    from place, aclexplode(nspacl) where privilege_type = 'CREATE' and grantee <> nspowner
union all
select format('%s is no ordinary table', oid::regclass) from relations
    where relname in ('heartbeat', 'lineage') and (relkind <> 'r' or relrowsecurity or relforcerowsecurity
        or exists (select from pg_inherits where relations.oid in (inhrelid, inhparent)))
union all
select format('%s has trigger %I', tgrelid::regclass, tgname) from pg_trigger
    where tgrelid in (select oid from relations)
union all
select format('%s has rule %I', ev_class::regclass, rulename) from pg_rewrite
    where ev_class in (select oid from relations where relkind = 'r')
union all
select distinct format('%s depends on %s', relation::regclass, pg_describe_object(refclassid, refobjid, 0))
    from parts join pg_depend on classid = class and objid = part
    where refclassid in ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass, 'pg_opclass'::regclass)
"""


def assert_ours(session: Session, asset: str) -> None:
    """Whoever is logged in owns all that stands, and nobody else has a part in it. Raises Refused."""
    with telling(f"{asset}: looking at whose schema firedrill is"):
        found = [str(what) for (what,) in session.execute(_STRANGE).fetchall()]
    if found:
        raise Refused(
            f"{asset}: schema firedrill of {session.info.dbname} is not its installer's alone: {'; '.join(found)}",
            hint="find out who made it; beats would execute with the owner's right what others prepared there",
        )
