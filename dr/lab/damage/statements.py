"""Damage as a superuser's SQL, in databases of the sample application. Triggers and foreign keys look away."""

from collections.abc import Mapping
from dataclasses import dataclass

MAIN = "receipts"
SECOND = "audit"


@dataclass(frozen=True)
class Statement:
    sql: str
    database: str = MAIN


ROWS: Mapping[str, Statement] = {
    "row-changed": Statement("update documents set title = title || 'x' where id = (select min(id) from documents)"),
    "row-lost": Statement("delete from scans where id = (select min(id) from scans)"),
    "row-added": Statement("insert into import_log (source, line) values ('nobody', 'this was never imported')"),
    "row-doubled": Statement("insert into import_log select * from import_log limit 1"),
    "rows-exchanged": Statement(
        "update scans a set meta = b.meta from scans b, (select min(id) low, max(id) high from scans) pair"
        " where a.id in (low, high) and b.id in (low, high) and a.id <> b.id"
    ),
    "null-became-empty": Statement(
        "update import_log set line = '' where ctid = (select ctid from import_log where line is null limit 1)"
    ),
    "amounts-moved": Statement(
        # Both sides of one entry by as much: it still balances.
        "update ledger set debit = debit + case when debit > 0 then 100 else 0 end,"
        " credit = credit + case when debit > 0 then 0 else 100 end"
        " where id in (select id from ledger where document_id = (select min(document_id) from ledger)"
        " order by debit desc limit 2)"
    ),
    "mass-update": Statement("update ledger set debit = debit + 1 where debit > 0"),
    "row-names-another-version": Statement(
        "update documents set object_version = 'of-another-day'"
        " where id = (select min(id) from documents where object_key is not null)"
    ),
    "orphans": Statement("delete from documents where id = (select min(id) from documents)"),
    "key-doubled": Statement(
        "update pg_index set indisunique = false where indexrelid = 'accounts_code'::regclass;"
        " insert into accounts (id, parent_id, code, name, kind, opened_on) overriding system value"
        " select -1, parent_id, code, name, kind, opened_on from accounts order by id limit 1;"
        " update pg_index set indisunique = true where indexrelid = 'accounts_code'::regclass"
    ),
    "condition-broken": Statement(
        "alter table documents drop constraint documents_object_whole;"
        " update documents set size = null where id = (select min(id) from documents where size is not null);"
        " alter table documents add constraint documents_object_whole"
        " check (num_nulls(object_key, object_version, sha256, size) in (0, 4)) not valid;"
        " update pg_constraint set convalidated = true where conname = 'documents_object_whole'"
    ),
    "table-truncated": Statement("truncate import_log"),
    "table-dropped": Statement("drop table import_log"),
    "table-renamed": Statement("alter table import_log rename to import_log_old"),
    "table-added": Statement("create table left_over as select 1 as id"),
    "second-database-row": Statement(
        "update entries set actor = actor || 'x' where id = (select min(id) from entries)", SECOND
    ),
    "database-lost": Statement("drop database audit with (force)", "postgres"),
    "database-added": Statement("create database left_over", "postgres"),
    "dump-truncated": Statement("drop table ledger, document_events, import_log, scans, page_texts, approvals cascade"),
    "dump-empty": Statement("drop schema public cascade; create schema public"),
    "view-unpopulated": Statement("refresh materialized view monthly_totals with no data"),
    "beats-lost": Statement(
        "delete from firedrill.heartbeat where seq > (select max(seq) - 5 from firedrill.heartbeat)"
    ),
    "beat-missing": Statement(
        # Not the oldest one: that it was there, the table alone does not tell.
        "delete from firedrill.heartbeat where seq = (select max(seq) - 1 from firedrill.heartbeat)"
        " and seq > (select min(seq) from firedrill.heartbeat)"
    ),
    "beats-of-another-lineage": Statement(
        "update firedrill.heartbeat set lineage = gen_random_uuid()"
        " where seq > (select max(seq) - 3 from firedrill.heartbeat)"
    ),
    "beats-too-many": Statement(
        "insert into firedrill.heartbeat select seq + 60, at + interval '60 s', lsn, lineage"
        " from firedrill.heartbeat order by seq desc limit 5"
    ),
    "heartbeat-lost": Statement("drop table firedrill.heartbeat"),
}
"""What tables hold."""

SHAPE: Mapping[str, Statement] = {
    "sequence-behind": Statement("select setval('documents_id_seq', 10)"),
    "sequence-near-its-end": Statement("select setval('documents_id_seq', 9223372036854775797)"),
    "index-lost": Statement("drop index documents_title"),
    "index-invalid": Statement("update pg_index set indisvalid = false where indexrelid = 'documents_title'::regclass"),
    "trigger-disabled": Statement("alter table documents disable trigger documents_touch"),
    "trigger-lost": Statement("drop trigger documents_touch on documents"),
    "foreign-keys-asleep": Statement("alter table ledger disable trigger all"),
    "foreign-key-lost": Statement("alter table ledger drop constraint ledger_document_id_fkey"),
    "constraint-lost": Statement("alter table documents drop constraint documents_object_whole"),
    "constraint-not-validated": Statement(
        "update pg_constraint set convalidated = false where conname = 'documents_object_whole'"
    ),
    "default-lost": Statement("alter table documents alter status drop default"),
    "not-null-lost": Statement("alter table documents alter title drop not null"),
    "type-changed": Statement("alter type document_status add value 'lost'"),
    "function-changed": Statement(
        "create or replace function touch() returns trigger language plpgsql as $$ begin return new; end $$"
    ),
    "view-changed": Statement(
        "create or replace view account_balances as select a.id, a.code, a.name, 0::numeric as balance,"
        " 0::bigint as entries from accounts as a"
    ),
    "policy-lost": Statement("drop policy own_approvals on approvals"),
    "row-security-off": Statement("alter table approvals disable row level security"),
    "owner-changed": Statement("alter table scans owner to receipts_app"),
    "grants-lost": Statement("revoke all on all tables in schema public from receipts_app"),
    "default-privileges-lost": Statement(
        "alter default privileges for role receipts_owner in schema public"
        " revoke all on tables from receipts_readonly, receipts_app"
    ),
    "partition-detached": Statement("alter table document_events detach partition document_events_default"),
    "setting-drifted": Statement("alter role receipts_app set lock_timeout = '1 h'"),
    "extension-lost": Statement("drop extension pgcrypto"),
    "extension-of-another-version": Statement("update pg_extension set extversion = '0.9' where extname = 'pgcrypto'"),
    "collation-version": Statement("update pg_database set datcollversion = '0.1' where datname = current_database()"),
    "collation-of-another-host": Statement(
        "create collation elsewhere (provider = icu, locale = 'de', version = '0.1');"
        " create index accounts_elsewhere on accounts (name collate elsewhere)"
    ),
    "catalog-row-lost": Statement(
        "delete from pg_attrdef where adrelid = 'documents'::regclass and adnum ="
        " (select attnum from pg_attribute where attrelid = 'documents'::regclass and attname = 'status')"
    ),
    "role-lost": Statement("drop owned by receipts_readonly; drop role receipts_readonly"),
    "role-added": Statement("create role somebody login"),
    "role-attribute": Statement("alter role receipts_app createdb"),
    "role-membership": Statement("grant pg_read_all_data to receipts_readonly"),
    "application-password": Statement("alter role receipts_app password 'of-another-day'"),
    "application-locked-out": Statement("alter role receipts_app nologin"),
}
"""What is said of tables, and who may use them."""

RESTORES: Mapping[str, Statement] = {
    "chains-disagree": Statement("delete from scans where id = (select max(id) from scans)"),
}
"""What one restore of two has, and the other has not."""

STATEMENTS: Mapping[str, Statement] = {**ROWS, **SHAPE, **RESTORES}
