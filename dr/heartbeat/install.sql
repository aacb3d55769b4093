-- The heartbeat of a database: a table, who writes it by what right, and the functions that write a beat.
-- Statements are parted by lines of dashes. Each may be executed again: what stands already stays as it is.
create schema if not exists firedrill
----
create table if not exists firedrill.heartbeat (
    seq bigint primary key,
    at timestamptz not null,
    lsn pg_lsn not null,
    lineage uuid not null
)
----
create table if not exists firedrill.lineage (
    one_row boolean primary key default true check (one_row),
    lineage uuid not null default gen_random_uuid(),
    since timestamptz not null default clock_timestamp()
)
----
-- From here to the end of the transaction nobody else can put a trigger on them.
lock table firedrill.heartbeat, firedrill.lineage in share row exclusive mode
----
revoke all on schema firedrill from public
----
revoke all on table firedrill.heartbeat, firedrill.lineage from public
----
-- And never after it: what a trigger does there is done by the right of their owner, who may have given others rights
-- on every new table.
do $$
declare
    granted record;
begin
    for granted in
        select distinct oid::regclass as relation, grantee::regrole as role
          from pg_class, aclexplode(relacl)
         where oid in ('firedrill.heartbeat'::regclass, 'firedrill.lineage'::regclass) and grantee not in (0, relowner)
    loop
        execute format('revoke {rights} on table %s from %s cascade', granted.relation, granted.role);
    end loop;
end
$$
----
alter table firedrill.lineage add column if not exists drawn_for text
----
insert into firedrill.lineage default values on conflict do nothing
----
-- The line of WAL that this server writes: it survives a restart, and is another after each promotion and each restore.
-- Of the WAL's own name, because pg_control's timeline follows a promotion only with the next checkpoint. Null where a
-- server does not tell.
create or replace function firedrill.line() returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
    return (select system_identifier from pg_control_system())
        || '/' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8);
exception when insufficient_privilege or feature_not_supported or undefined_function then
    return null;
end
$$
----
-- Take away the oldest beats, few at a time and always from the lowest number on: so numbers that are missing in
-- between are never pruned ones. What is younger than `keep` stays, and so do the last thousand, however old.
create or replace function firedrill.prune(keep interval, batch int) returns bigint
language sql volatile set search_path = pg_catalog, pg_temp as $$
    with oldest as (select seq, at from firedrill.heartbeat order by seq limit batch),
    kept as (
        select coalesce(min(seq) filter (where at >= clock_timestamp() - keep), max(seq) + 1) as first,
            (select max(seq) from firedrill.heartbeat) - 999 as recent
        from oldest
    ),
    gone as (
        delete from firedrill.heartbeat as beat using kept where beat.seq < least(kept.first, kept.recent) returning 1
    )
    select count(*) from gone
$$
----
-- Wait for the half second: for pg_cron, whose jobs begin anywhere in a second.
create or replace function firedrill.wait() returns void
language sql volatile set search_path = pg_catalog, pg_temp as $$
    select pg_sleep(extract(epoch from
        date_trunc('second', moment + interval '0.5 s') + interval '0.5 s' - moment)::float8)
    from clock_timestamp() as moment
$$
----
-- One beat, by the right of whoever owns the table. Nothing is written, and null returned, outside of the middle of a
-- second, where this second has its beat, and while another session holds the writers' lock.
create or replace function firedrill.beat(out beat_seq bigint, out beat_at timestamptz, out beat_lineage uuid)
returns record language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    here text := firedrill.line();
    moment timestamptz;
    newest record;
begin
    if not pg_try_advisory_xact_lock({lock}) then
        return;
    end if;
    moment := clock_timestamp();
    if extract(second from moment) % 1 not between 0.4 and 0.8 then
        return;
    end if;
    select seq, at into newest from firedrill.heartbeat order by seq desc limit 1;
    -- A clock that was set back a little is waited for, so that moments grow as numbers do.
    if newest.at >= date_trunc('second', moment) and newest.at < moment + interval '10 seconds' then
        return;
    end if;
    update firedrill.lineage set drawn_for = here,
        lineage = case when drawn_for is null then lineage else gen_random_uuid() end,
        since = case when drawn_for is null then since else moment end
        where here is not null and drawn_for is distinct from here;
    insert into firedrill.heartbeat (seq, at, lsn, lineage)
        select coalesce(newest.seq, 0) + 1, moment, pg_current_wal_insert_lsn(), lineage from firedrill.lineage
        returning seq, at, lineage into beat_seq, beat_at, beat_lineage;
    if beat_seq % 60 = 0 then
        perform firedrill.prune(interval '{keep}', 200);
    end if;
end
$$
----
revoke all on function firedrill.line(), firedrill.prune(interval, int), firedrill.wait(), firedrill.beat() from public
----
{role}
----
grant usage on schema firedrill to {user}
----
grant execute on function firedrill.beat() to {user}
