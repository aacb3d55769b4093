-- One batch of documents without a scan, and everything that hangs on them: made on the server, in bulk.
-- Parameters: after (the greatest id so far), first and last (which documents of `total`), accounts.

with filed as (
    insert into documents (account_id, title, status, attributes, amount, period, created_at, updated_at)
    select
        1 + i %% %(accounts)s,
        'receipt ' || i || ' from ' || (array['Lidl', 'Müller & Söhne', 'O''Hara', 'ACME', '東京商店'])[1 + i %% 5],
        (array['received', 'filed', 'filed', 'disputed', 'archived'])[1 + i %% 5]::document_status,
        jsonb_build_object('page_count', 1 + i %% 9, 'tags', jsonb_build_array('t' || i %% 17, 't' || i %% 23), 'origin', md5(i::text)),
        (100 + (i * 7919::bigint) %% 250000) / 100.0,
        daterange((moment at time zone 'UTC')::date, (moment at time zone 'UTC')::date + 1 + i %% 30),
        moment,
        moment
    from generate_series(%(first)s, %(last)s) as numbers (i),
        lateral (select now() - interval '100 days' * (1 - i::float8 / %(total)s)) as times (moment)
    returning id, account_id, amount, created_at
)
insert into ledger (document_id, account_id, debit, credit, at)
select filed.id, entry.account_id, entry.debit, entry.credit, filed.created_at
from filed, lateral (values
    (filed.account_id, filed.amount * 100, 0),
    (1 + (filed.account_id + 1) %% %(accounts)s, 0, filed.amount * 100 - round(filed.amount * 19)),
    (1 + (filed.account_id + 2) %% %(accounts)s, 0, round(filed.amount * 19))
) as entry (account_id, debit, credit);

insert into document_events (document_id, at, kind, detail)
select id, created_at + step * interval '7 minutes', (array['arrived', 'read', 'checked', 'paid'])[1 + (id + step) %% 4], jsonb_build_object('step', step)
from documents, generate_series(1, 2) as steps (step) where id > %(after)s;

-- A few belong to no month that has a partition.
insert into document_events (document_id, at, kind) select id, '2019-12-31 23:59:59+00', 'found in the attic'
from documents where id > %(after)s and id %% 500 = 0;

insert into scans (document_id, meta, place, taken_at)
select id, format('{"dpi": %%s,  "device": "scanner-%%s", "pages": %%s}', 150 * (1 + id %% 4), id %% 12, 1 + id %% 9)::json,
    case when id %% 7 > 0 then point(round((id * 31 %% 36000)::numeric / 100 - 180, 2), round((id * 17 %% 18000)::numeric / 100 - 90, 2)) end,
    created_at
from documents where id > %(after)s and id %% 5 < 3;

insert into page_texts (document_id, page, body)
select id, 1, repeat(md5(id::text), 100 + (id %% 600)::integer) from documents where id > %(after)s and id %% 12 = 0;

insert into import_log (at, source, line)
select date_trunc('minute', created_at), 'mailbox-' || id %% 5, case when line = 1 then 'message ' || id %% 1000 || ' read' end
from documents, generate_series(1, 2) as lines (line) where id > %(after)s;
