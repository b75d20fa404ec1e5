-- What only a superuser may make, extensions and their members apart. Functions in C or in untrusted languages,
-- event triggers, publications of everything and foreign-data wrappers have checks of their own.
with spaces as (
    select oid, nspname::text from pg_namespace
    where nspname !~ '^pg_' and nspname not in ('information_schema', 'ferrybot')
), members as (
    select classid, objid from pg_depend where deptype = 'e'
), grants as (
    select 'pg_proc'::regclass as classid, p.oid, p.pronamespace as space, p.proname::text as name,
           p.proacl as acl, acldefault('f', p.proowner) as usual
    from pg_proc p where p.proacl is not null
    union all
    select 'pg_class'::regclass, c.oid, c.relnamespace, c.relname,
           c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner)
    from pg_class c where c.relacl is not null
    union all
    select 'pg_language'::regclass, l.oid, null, l.lanname, l.lanacl, acldefault('l', l.lanowner)
    from pg_language l where l.lanacl is not null
    union all
    select 'pg_foreign_data_wrapper'::regclass, w.oid, null, w.fdwname, w.fdwacl, acldefault('F', w.fdwowner)
    from pg_foreign_data_wrapper w where w.fdwacl is not null
)
select 'operator class' as kind, s.nspname as schema_name, o.opcname::text as name, 'it can crash a server' as why
from pg_opclass o join spaces s on s.oid = o.opcnamespace
where not exists (select from members m where m.classid = 'pg_opclass'::regclass and m.objid = o.oid)
union all
select 'operator family', s.nspname, o.opfname, 'it can crash a server'
from pg_opfamily o join spaces s on s.oid = o.opfnamespace
where not exists (select from members m where m.classid = 'pg_opfamily'::regclass and m.objid = o.oid)
  and not exists (select from pg_depend d where d.classid = 'pg_opclass'::regclass and d.objid in (
                  select c.oid from pg_opclass c where c.opcfamily = o.oid))
union all
select 'base type', s.nspname, t.typname, 'its functions are native code'
from pg_type t join spaces s on s.oid = t.typnamespace
where t.typtype = 'b' and t.typelem = 0
  and not exists (select from members m where m.classid = 'pg_type'::regclass and m.objid = t.oid)
union all
select 'text search parser', s.nspname, x.prsname, 'its functions are native code'
from pg_ts_parser x join spaces s on s.oid = x.prsnamespace
where not exists (select from members m where m.classid = 'pg_ts_parser'::regclass and m.objid = x.oid)
union all
select 'text search template', s.nspname, x.tmplname, 'its functions are native code'
from pg_ts_template x join spaces s on s.oid = x.tmplnamespace
where not exists (select from members m where m.classid = 'pg_ts_template'::regclass and m.objid = x.oid)
union all
select 'access method', '', a.amname, 'its handler is native code'
from pg_am a
where a.oid >= 16384 and not exists (select from members m where m.classid = 'pg_am'::regclass and m.objid = a.oid)
union all
select 'cast', '', format('%s as %s', k.castsource::regtype, k.casttarget::regtype), 'it takes bytes as they are'
from pg_cast k
where k.oid >= 16384 and k.castmethod = 'b'
  and not exists (select from members m where m.classid = 'pg_cast'::regclass and m.objid = k.oid)
union all
select 'function', s.nspname, p.proname, 'it is LEAKPROOF'
from pg_proc p join spaces s on s.oid = p.pronamespace
where p.proleakproof
  and not exists (select from members m where m.classid = 'pg_proc'::regclass and m.objid = p.oid)
union all
select 'function', s.nspname, p.proname, 'it has a planner support function'
from pg_proc p join spaces s on s.oid = p.pronamespace
-- a whole row as JSON is dear: not for the thousands of the system's own
where case when p.pronamespace <> 'pg_catalog'::regnamespace
           then coalesce(to_jsonb(p) ->> 'prosupport', '-') <> '-' else false end
  and not exists (select from members m where m.classid = 'pg_proc'::regclass and m.objid = p.oid)
union all
select 'function', s.nspname, p.proname, 'it sets ' || g.name
from pg_proc p join spaces s on s.oid = p.pronamespace cross join unnest(p.proconfig) c(setting)
join pg_settings g on g.name = split_part(c.setting, '=', 1) and g.context = 'superuser'
where not exists (select from members m where m.classid = 'pg_proc'::regclass and m.objid = p.oid)
union all
select 'aggregate', s.nspname, p.proname, 'its state is of type internal'
from pg_aggregate a join pg_proc p on p.oid = a.aggfnoid join spaces s on s.oid = p.pronamespace
where 'internal'::regtype in (a.aggtranstype, a.aggmtranstype)
  and not exists (select from members m where m.classid = 'pg_proc'::regclass and m.objid = p.oid)
union all
select 'grant', coalesce(n.nspname, ''), g.name, 'the object belongs to the server or to an extension'
from grants g left join pg_namespace n on n.oid = g.space
left join pg_init_privs i on i.classoid = g.classid and i.objoid = g.oid and i.objsubid = 0
where (coalesce(n.nspname, 'pg_catalog') = 'pg_catalog'
       or exists (select from members m where m.classid = g.classid and m.objid = g.oid))
  and array(select x::text from unnest(g.acl) x order by 1)
      <> array(select x::text from unnest(coalesce(i.initprivs, g.usual)) x order by 1)
order by 1, 2, 3, 4
