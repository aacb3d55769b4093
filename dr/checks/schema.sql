-- The shape of one database: (kind, name, text). Nothing in it depends on OIDs, file numbers or statistics, and no
-- text can hold a secret: function bodies and options are hashed, connection strings and passwords are left out.
with own as (
    select oid, nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'
), brought as (
    -- What an extension brings is told by its version.
    select classid, objid from pg_depend where deptype = 'e'
), relation as (
    select c.*, format('%I.%I', n.nspname, c.relname) as label
      from pg_class c join own n on n.oid = c.relnamespace
     where c.relpersistence <> 't' and ('pg_class'::regclass, c.oid) not in (select classid, objid from brought)
)
select 'object', 'database',
       format('encoding=%s collate=%s ctype=%s provider=%s version=%s actual=%s acl=%s', pg_encoding_to_char(encoding),
              datcollate, datctype, datlocprovider, datcollversion, pg_database_collation_actual_version(oid),
              (select string_agg(a::text, ' ' order by a::text) from unnest(datacl) a))
  from pg_database where datname = current_database()
union all
select 'object', format('setting of %s in %s: %s', coalesce(r.rolname, 'every role'), coalesce(d.datname, 'every database'),
                        split_part(item, '=', 1)),
       encode(sha256(convert_to(item, 'UTF8')), 'hex')
  from pg_db_role_setting s cross join unnest(s.setconfig) item
  left join pg_roles r on r.oid = s.setrole left join pg_database d on d.oid = s.setdatabase
 where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
union all
select 'object', format('schema %I', n.nspname),
       format('owner=%I acl=%s', pg_get_userbyid(n.nspowner),
              (select string_agg(a::text, ' ' order by a::text) from unnest(n.nspacl) a))
  from pg_namespace n join own using (oid)
union all
select 'object', format('%s %s', case relkind when 'r' then 'table' when 'p' then 'partitioned table' when 'v' then 'view'
                                 when 'm' then 'materialized view' when 'f' then 'foreign table' when 'S' then 'sequence'
                                 when 'c' then 'composite type' else relkind::text end, label),
       format('owner=%I persistence=%s rls=%s/%s populated=%s identity=%s options=%s partition=%s bound=%s parents=%s acl=%s '
              'definition=%s comment=%s', pg_get_userbyid(relowner), relpersistence, relrowsecurity, relforcerowsecurity,
              relispopulated, relreplident, array_to_string(reloptions, ','), pg_get_partkeydef(oid),
              pg_get_expr(relpartbound, oid),
              (select string_agg(inhparent::regclass::text, ',' order by inhseqno) from pg_inherits where inhrelid = relation.oid),
              (select string_agg(a::text, ' ' order by a::text) from unnest(relacl) a),
              case when relkind in ('v', 'm') then md5(pg_get_viewdef(oid)) end,
              md5(obj_description(oid, 'pg_class')))
  from relation where relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c')
union all
select 'object', format('column %s.%I', r.label, a.attname),
       format('%s position=%s null=%s default=%s identity=%s generated=%s collation=%s storage=%s acl=%s comment=%s',
              format_type(a.atttypid, a.atttypmod), a.attnum, not a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity,
              a.attgenerated, nullif(a.attcollation, 0)::regcollation, a.attstorage,
              (select string_agg(x::text, ' ' order by x::text) from unnest(a.attacl) x),
              md5(col_description(r.oid, a.attnum)))
  from relation r join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
  left join pg_attrdef d on d.adrelid = r.oid and d.adnum = a.attnum
 where r.relkind in ('r', 'p', 'v', 'm', 'f', 'c')
union all
select 'object', format('index %s', r.label),
       format('%s valid=%s ready=%s unique=%s primary=%s', pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisready,
              i.indisunique, i.indisprimary)
  from pg_index i join relation r on r.oid = i.indexrelid
union all
select 'object', format('constraint %I on %s', c.conname, coalesce(r.label, c.contypid::regtype::text)),
       format('%s validated=%s', pg_get_constraintdef(c.oid), c.convalidated)
  from pg_constraint c join own n on n.oid = c.connamespace left join relation r on r.oid = c.conrelid
 where r.oid is not null or c.contypid <> 0 and ('pg_type'::regclass, c.contypid) not in (select classid, objid from brought)
union all
select 'object', format('trigger %I on %s', t.tgname, r.label), format('%s enabled=%s', pg_get_triggerdef(t.oid), t.tgenabled)
  from pg_trigger t join relation r on r.oid = t.tgrelid where not t.tgisinternal
union all
-- Internal triggers enforce foreign keys. Their names hold OIDs, so they are counted: how many are switched off?
select 'object', format('foreign key triggers of %s', r.label),
       string_agg(t.tgenabled::text, '' order by t.tgenabled::text)
  from pg_trigger t join relation r on r.oid = t.tgrelid where t.tgisinternal group by r.label
union all
select 'object', format('rule %I on %s', w.rulename, r.label), format('%s enabled=%s', md5(pg_get_ruledef(w.oid)), w.ev_enabled)
  from pg_rewrite w join relation r on r.oid = w.ev_class where w.rulename <> '_RETURN'
union all
select 'object', format('policy %I on %s', p.polname, r.label),
       format('%s permissive=%s roles=%s using=%s check=%s', p.polcmd, p.polpermissive,
              (select string_agg(case x when 0 then 'public' else pg_get_userbyid(x) end, ',' order by x) from unnest(p.polroles) x),
              pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
  from pg_policy p join relation r on r.oid = p.polrelid
union all
select 'object', format('function %s', p.oid::regprocedure),
       format('%s owner=%I acl=%s', case when p.prokind = 'a' then pg_get_function_result(p.oid)
                                    else encode(sha256(convert_to(pg_get_functiondef(p.oid), 'UTF8')), 'hex') end,
              pg_get_userbyid(p.proowner), (select string_agg(a::text, ' ' order by a::text) from unnest(p.proacl) a))
  from pg_proc p join own n on n.oid = p.pronamespace
 where ('pg_proc'::regclass, p.oid) not in (select classid, objid from brought)
union all
select 'object', format('type %s', t.oid::regtype),
       format('%s owner=%I base=%s null=%s default=%s labels=%s range of=%s acl=%s', t.typtype, pg_get_userbyid(t.typowner),
              nullif(t.typbasetype, 0)::regtype, not t.typnotnull, t.typdefault,
              (select string_agg(quote_literal(e.enumlabel), ',' order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid),
              (select g.rngsubtype::regtype from pg_range g where g.rngtypid = t.oid),
              (select string_agg(a::text, ' ' order by a::text) from unnest(t.typacl) a))
  from pg_type t join own n on n.oid = t.typnamespace
 where t.typtype in ('b', 'd', 'e', 'r') and t.typelem = 0
   and ('pg_type'::regclass, t.oid) not in (select classid, objid from brought)
union all
select 'object', format('collation %s', c.oid::regcollation),
       format('provider=%s deterministic=%s version=%s actual=%s', c.collprovider, c.collisdeterministic, c.collversion,
              pg_collation_actual_version(c.oid))
  from pg_collation c join own n on n.oid = c.collnamespace
 where ('pg_collation'::regclass, c.oid) not in (select classid, objid from brought)
union all
select 'object', format('operator class %I.%I using %I', n.nspname, o.opcname, m.amname), o.opcintype::regtype::text
  from pg_opclass o join own n on n.oid = o.opcnamespace join pg_am m on m.oid = o.opcmethod
 where ('pg_opclass'::regclass, o.oid) not in (select classid, objid from brought)
union all
select 'object', format('operator %s', o.oid::regoperator), format('%s', o.oprcode)
  from pg_operator o join own n on n.oid = o.oprnamespace
 where ('pg_operator'::regclass, o.oid) not in (select classid, objid from brought)
union all
select 'object', format('cast %s as %s', castsource::regtype, casttarget::regtype), format('%s %s %s', castfunc::regproc, castcontext, castmethod)
  from pg_cast c where c.oid >= 16384 and ('pg_cast'::regclass, c.oid) not in (select classid, objid from brought)
union all
select 'object', format('statistics %I.%I', n.nspname, s.stxname), pg_get_statisticsobjdef(s.oid)
  from pg_statistic_ext s join own n on n.oid = s.stxnamespace
union all
select 'object', format('text search configuration %I.%I', n.nspname, c.cfgname), c.cfgparser::text
  from pg_ts_config c join own n on n.oid = c.cfgnamespace
 where ('pg_ts_config'::regclass, c.oid) not in (select classid, objid from brought)
union all
select 'object', format('event trigger %I', evtname), format('%s enabled=%s tags=%s %s', evtevent, evtenabled, evttags, evtfoid::regproc)
  from pg_event_trigger
union all
select 'object', format('publication %I', p.pubname),
       format('all=%s insert=%s update=%s delete=%s truncate=%s tables=%s', p.puballtables, p.pubinsert, p.pubupdate, p.pubdelete,
              p.pubtruncate, (select string_agg(r.prrelid::regclass::text, ',' order by r.prrelid::regclass::text)
                                from pg_publication_rel r where r.prpubid = p.oid))
  from pg_publication p
union all
select 'object', format('subscription %I', subname), format('enabled=%s publications=%s', subenabled, subpublications)
  from pg_subscription where subdbid = (select oid from pg_database where datname = current_database())
union all
select 'object', format('foreign server %I', s.srvname),
       format('owner=%I wrapper=%I options=%s', pg_get_userbyid(s.srvowner), w.fdwname, md5(s.srvoptions::text))
  from pg_foreign_server s join pg_foreign_data_wrapper w on w.oid = s.srvfdw
union all
select 'object', format('user mapping of %s on %I', coalesce(usename, 'public'), srvname), ''
  from pg_user_mappings
union all
select 'object', format('default privileges of %I in %s on %s', pg_get_userbyid(d.defaclrole), coalesce(n.nspname, 'every schema'), d.defaclobjtype),
       (select string_agg(a::text, ' ' order by a::text) from unnest(d.defaclacl) a)
  from pg_default_acl d left join pg_namespace n on n.oid = d.defaclnamespace
union all
select 'object', format('language %I', lanname), format('trusted=%s', lanpltrusted) from pg_language where oid >= 13000
union all
select 'extension', extname, format('%s in %I', extversion, extnamespace::regnamespace) from pg_extension
union all
select 'role', rolname,
       format('super=%s inherit=%s createrole=%s createdb=%s login=%s replication=%s bypassrls=%s limit=%s until=%s member of=%s',
              rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, rolconnlimit, rolvaliduntil,
              (select string_agg(format('%I%s', g.rolname, case when m.admin_option then ' with admin' end), ',' order by g.rolname)
                 from pg_auth_members m join pg_roles g on g.oid = m.roleid where m.member = pg_roles.oid))
  from pg_roles
union all
select 'setting', name, setting from pg_settings
 where name in ('server_version', 'server_encoding', 'lc_messages', 'lc_numeric', 'lc_time', 'log_timezone', 'block_size',
                'data_checksums', 'default_text_search_config', 'default_transaction_isolation', 'password_encryption',
                'standard_conforming_strings', 'wal_level', 'track_commit_timestamp', 'max_prepared_transactions',
                'shared_preload_libraries', 'synchronous_commit', 'fsync', 'full_page_writes', 'default_toast_compression',
                'ssl', 'rds.force_ssl', 'max_connections', 'work_mem', 'statement_timeout', 'row_security', 'autovacuum')
