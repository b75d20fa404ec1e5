-- Every object that somebody made in this database, as its own DROP names it; what comes and goes with another
-- object (indexes, constraints, triggers, row types, members of extensions) is not listed.
-- Runs on PostgreSQL 10 to 18.
with members as (
    select classid, objid from pg_depend where deptype = 'e'
), spaces as (
    select oid, nspname, nspowner from pg_namespace
    where nspname !~ '^pg_' and nspname not in ('information_schema', 'ferrybot')
), listed as (
    select 'pg_class'::regclass as classid, c.oid, c.relowner as owner,
           case c.relkind when 'r' then 1 when 'p' then 2 when 'f' then 1 when 'v' then 0 when 'm' then 0 else 3 end as turn
    from pg_class c join spaces s on s.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'f', 'v', 'm')
       or (c.relkind = 'S' and not exists (
            select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid
            and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')))
    union all
    select 'pg_proc'::regclass, p.oid, p.proowner, 4 from pg_proc p join spaces s on s.oid = p.pronamespace
    where not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid
                      and d.deptype = 'i')
    union all
    select 'pg_type'::regclass, t.oid, t.typowner, 5
    from pg_type t join spaces s on s.oid = t.typnamespace left join pg_class c on c.oid = t.typrelid
    where t.typtype in ('d', 'e', 'r') or (t.typtype = 'b' and t.typelem = 0)
       or (t.typtype = 'c' and c.relkind = 'c')
    union all
    select 'pg_operator'::regclass, o.oid, o.oprowner, 5 from pg_operator o join spaces s on s.oid = o.oprnamespace
    union all
    select 'pg_opclass'::regclass, o.oid, o.opcowner, 4 from pg_opclass o join spaces s on s.oid = o.opcnamespace
    union all
    select 'pg_opfamily'::regclass, o.oid, o.opfowner, 5 from pg_opfamily o join spaces s on s.oid = o.opfnamespace
    union all
    select 'pg_collation'::regclass, o.oid, o.collowner, 6 from pg_collation o join spaces s on s.oid = o.collnamespace
    union all
    select 'pg_conversion'::regclass, o.oid, o.conowner, 6
    from pg_conversion o join spaces s on s.oid = o.connamespace
    union all
    select 'pg_ts_config'::regclass, o.oid, o.cfgowner, 5 from pg_ts_config o join spaces s on s.oid = o.cfgnamespace
    union all
    select 'pg_ts_dict'::regclass, o.oid, o.dictowner, 6 from pg_ts_dict o join spaces s on s.oid = o.dictnamespace
    union all
    select 'pg_ts_parser'::regclass, o.oid, 10, 6 from pg_ts_parser o join spaces s on s.oid = o.prsnamespace
    union all
    select 'pg_ts_template'::regclass, o.oid, 10, 6 from pg_ts_template o join spaces s on s.oid = o.tmplnamespace
    union all
    select 'pg_publication'::regclass, o.oid, o.pubowner, -1 from pg_publication o
    union all
    select 'pg_event_trigger'::regclass, o.oid, o.evtowner, -2 from pg_event_trigger o
    union all
    select 'pg_cast'::regclass, o.oid, case when pg_has_role(a.typowner, 'member') then a.typowner else b.typowner end, 4
    from pg_cast o join pg_type a on a.oid = o.castsource join pg_type b on b.oid = o.casttarget
    where o.oid >= 16384
    union all
    select 'pg_transform'::regclass, o.oid, 10, 4 from pg_transform o where o.oid >= 16384
    union all
    select 'pg_am'::regclass, o.oid, 10, 7 from pg_am o where o.oid >= 16384
    union all
    select 'pg_foreign_server'::regclass, o.oid, o.srvowner, 7 from pg_foreign_server o
    union all
    select 'pg_foreign_data_wrapper'::regclass, o.oid, o.fdwowner, 8 from pg_foreign_data_wrapper o
    union all
    select 'pg_language'::regclass, o.oid, o.lanowner, 8 from pg_language o where o.oid >= 16384
    union all
    select 'pg_namespace'::regclass, s.oid, s.nspowner, 9 from spaces s where s.nspname <> 'public'
    union all
    select 'pg_extension'::regclass, e.oid, e.extowner, 10 from pg_extension e where e.oid >= 16384
)
select l.classid::regclass::text as class, l.oid::bigint as oid, i.type as type, i.identity as identity,
       l.turn as turn, pg_get_userbyid(l.owner)::text as owner, pg_has_role(l.owner, 'member') as ours
from listed l, pg_identify_object(l.classid, l.oid, 0) i
where not exists (select from members m where m.classid = l.classid and m.objid = l.oid)
  -- what a table or another object of ours carries along, such as a multirange with its range
  and not exists (select from pg_depend d where d.classid = l.classid and d.objid = l.oid and d.deptype = 'i'
                  and l.classid <> 'pg_class'::regclass)
order by l.turn, l.oid
