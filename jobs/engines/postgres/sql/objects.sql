-- What people made besides tables; members of extensions come and go with their extension.
with members as (
    select classid, objid from pg_depend where deptype = 'e'
), spaces as (
    select oid, nspname from pg_namespace
    where nspname !~ '^pg_' and nspname not in ('information_schema', 'ferrybot')
), found as (
    select 'schema' as kind, 'pg_namespace'::regclass as classid, s.oid, s.oid as space, ''::name as name,
           ''::name as table_name, 0::bigint as bytes
    from spaces s where s.nspname <> 'public'
    union all
    select case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence'
                          else 'index' end,
           'pg_class'::regclass, c.oid, c.relnamespace, c.relname,
           coalesce((select t.relname from pg_index x join pg_class t on t.oid = x.indrelid
                     where x.indexrelid = c.oid),
                    (select t.relname from pg_depend o join pg_class t on t.oid = o.refobjid
                     where o.classid = 'pg_class'::regclass and o.objid = c.oid and c.relkind = 'S'
                       and o.refclassid = 'pg_class'::regclass and o.deptype in ('a', 'i') limit 1), ''),
           case when c.relkind = 'm' then pg_total_relation_size(c.oid) else 0 end
    from pg_class c where c.relkind in ('v', 'm', 'S', 'i', 'I')
    union all
    select case k.contype when 'f' then 'foreign key' else 'check' end,
           'pg_constraint'::regclass, k.oid, k.connamespace, k.conname, c.relname, 0
    from pg_constraint k join pg_class c on c.oid = k.conrelid
    where k.contype in ('f', 'c') and coalesce((to_jsonb(k) ->> 'conparentid')::bigint, 0) = 0
    union all
    select 'trigger', 'pg_trigger'::regclass, g.oid, c.relnamespace, g.tgname, c.relname, 0
    from pg_trigger g join pg_class c on c.oid = g.tgrelid where not g.tgisinternal
    union all
    select 'function', 'pg_proc'::regclass, p.oid, p.pronamespace, p.proname, '', 0 from pg_proc p
    where not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid
                      and d.deptype = 'i')
    union all
    select case t.typtype when 'd' then 'domain' when 'e' then 'enum' else 'type' end,
           'pg_type'::regclass, t.oid, t.typnamespace, t.typname, '', 0
    from pg_type t left join pg_class c on c.oid = t.typrelid
    where (t.typtype in ('d', 'e', 'r') or (t.typtype = 'b' and t.typelem = 0)
           or (t.typtype = 'c' and c.relkind = 'c'))
    union all
    select 'collation', 'pg_collation'::regclass, l.oid, l.collnamespace, l.collname, '', 0 from pg_collation l
    union all
    select 'operator', 'pg_operator'::regclass, o.oid, o.oprnamespace, o.oprname, '', 0 from pg_operator o
    union all
    select 'text search configuration', 'pg_ts_config'::regclass, x.oid, x.cfgnamespace, x.cfgname, '', 0
    from pg_ts_config x
)
select f.kind, s.nspname::text as schema_name,
       case when f.kind = 'schema' then '' else f.name::text end as name,
       f.table_name::text as table_name, f.bytes
from found f join spaces s on s.oid = f.space
where not exists (select from members m where m.classid = f.classid and m.objid = f.oid)
  -- what belongs to a member, such as its indexes and sequences, belongs to the extension too
  and not exists (select from pg_depend d join members m on m.classid = d.refclassid and m.objid = d.refobjid
                  where d.classid = f.classid and d.objid = f.oid and d.deptype in ('a', 'i'))
union all
select 'publication', '', pubname::text, '', 0 from pg_publication
union all
select 'subscription', '', u.subname::text, '', 0
from pg_subscription u join pg_database d on d.oid = u.subdbid where d.datname = current_database()
union all
select 'event trigger', '', evtname::text, '', 0 from pg_event_trigger v
where not exists (select from members m where m.classid = 'pg_event_trigger'::regclass and m.objid = v.oid)
union all
select 'foreign server', '', srvname::text, '', 0 from pg_foreign_server v
where not exists (select from members m where m.classid = 'pg_foreign_server'::regclass and m.objid = v.oid)
union all
select 'large object', '', 'large objects', '', pg_total_relation_size('pg_largeobject')
where exists (select from pg_largeobject_metadata)
order by 1, 2, 3, 4
