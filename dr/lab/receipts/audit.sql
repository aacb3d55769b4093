-- The second database of the instance: small, easily forgotten, and as important as the first.

create table entries (
    id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    actor text not null default current_user,
    action text not null,
    detail jsonb not null default '{}'
);
comment on table entries is 'who did what; nobody may change it afterwards';
create index entries_at on entries using brin (at);
grant select, insert on entries to receipts_app;

insert into entries (at, actor, action, detail)
select now() - make_interval(mins => i), 'import-' || i % 7, 'imported', jsonb_build_object('batch', i, 'rows', i * 37 % 1000)
from generate_series(2000, 1, -1) as history (i);
