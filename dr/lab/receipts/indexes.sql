-- What is built over the rows of `receipts`: an index of each common kind, triggers, privileges.

create unique index accounts_code on accounts (code);
create index accounts_search_name on accounts (search_name text_pattern_ops);
create unique index documents_number on documents (number);
create index documents_account_created on documents (account_id, created_at desc);
create unique index documents_object on documents (object_key) where object_key is not null;
create index documents_open on documents (id) where status in ('disputed', 'replacing');
create index documents_title on documents (lower(title));
create index documents_attributes on documents using gin (attributes jsonb_path_ops);
create index documents_sha256 on documents using hash (sha256);
create index documents_period on documents using gist (period);
create index ledger_document on ledger (document_id) include (debit, credit);
create index ledger_account on ledger (account_id);
create index ledger_at on ledger using brin (at);
create index document_events_kind on document_events (kind, at);
create index import_log_source on import_log (source);
create index scans_document on scans (document_id);
create index scans_place on scans using gist (place);

create materialized view monthly_totals as
select date_trunc('month', at at time zone 'UTC')::date as month, account_id, sum(debit) as debit, sum(credit) as credit
from ledger group by 1, 2;
create unique index monthly_totals_key on monthly_totals (month, account_id);

create function touch() returns trigger language plpgsql as $$
begin
    new.updated_at := clock_timestamp();
    return new;
end $$;
create trigger documents_touch before update on documents for each row execute function touch();

-- Deferred to the commit, because the entries of one document are written one by one.
create function must_balance() returns trigger language plpgsql as $$
declare
    document bigint := coalesce(new.document_id, old.document_id);
    off numeric;
begin
    select sum(debit - credit) into off from public.ledger where document_id = document;
    if off <> 0 then
        raise exception 'the entries of document % are off by %', document, off using errcode = 'check_violation';
    end if;
    return null;
end $$;
create constraint trigger ledger_balances after insert or update or delete on ledger
    deferrable initially deferred for each row execute function must_balance();

-- The owner of a table reads every row of it; the application sees and writes only its own.
alter table approvals enable row level security;
create policy own_approvals on approvals to receipts_app using (approver = current_user) with check (approver = current_user);

grant usage on schema public, firedrill to receipts_app, receipts_readonly;
grant select, insert, update, delete on all tables in schema public to receipts_app;
grant usage on all sequences in schema public to receipts_app;
grant select, insert, delete on firedrill.heartbeat to receipts_app;
grant select on firedrill.lineage to receipts_app;
grant select on all tables in schema public to receipts_readonly;
grant select (id, code, name) on accounts to public;
alter default privileges in schema public grant select on tables to receipts_readonly;
alter default privileges in schema public grant select, insert, update, delete on tables to receipts_app;
alter role receipts_app set lock_timeout = '10s';
comment on role receipts_app is 'what the application logs in as';

-- pgcrypto may be installed by anybody who may create things in this database; not every server ships it.
do $$ begin
    if exists (select from pg_available_extensions where name = 'pgcrypto') then
        create extension if not exists pgcrypto;
    end if;
end $$;
