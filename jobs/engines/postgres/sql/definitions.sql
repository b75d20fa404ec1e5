-- One line per thing that the restored schema must reproduce, without any OID and without any figure that
-- changes by itself. With an empty search_path every name comes out qualified.
with members as (
    select classid, objid from pg_depend where deptype = 'e'
), spaces as (
    select oid, nspname::text from pg_namespace
    where nspname !~ '^pg_' and nspname not in ('information_schema', 'ferrybot')
), relations as (
    select c.oid, c.relkind, c.relname::text, c.relpersistence, s.nspname
    from pg_class c join spaces s on s.oid = c.relnamespace
    where not exists (select from members m where m.classid = 'pg_class'::regclass and m.objid = c.oid)
)
select 'relation' as kind, r.nspname as schema_name,
       case when r.relkind in ('r', 'p', 'f') then r.relname else '' end as table_name, r.relname as name,
       concat_ws(' ', r.relkind, r.relpersistence, pg_get_expr(c.relpartbound, c.oid),
                 case when r.relkind = 'p' then pg_get_partkeydef(r.oid) end,
                 case when c.relrowsecurity then 'rls' end, case when c.relforcerowsecurity then 'forced' end) as text
from relations r join pg_class c on c.oid = r.oid where r.relkind in ('r', 'p', 'f')
union all
select 'column', r.nspname, case when r.relkind in ('r', 'p', 'f') then r.relname else '' end,
       r.relname || ' ' || a.attname,
       concat_ws(' ', row_number() over (partition by a.attrelid order by a.attnum),
                 format_type(a.atttypid, a.atttypmod), case when a.attnotnull then 'not null' end,
                 pg_get_expr(d.adbin, d.adrelid), nullif(a.attidentity, ''),
                 nullif((select attgenerated from (select a.*) newer), ''),
                 case when a.attcollation <> t.typcollation then
                     (select l.collnamespace::regnamespace::text || '.' || l.collname from pg_collation l
                      where l.oid = a.attcollation) end)
from pg_attribute a join relations r on r.oid = a.attrelid join pg_type t on t.oid = a.atttypid
left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
cross join (select ''::"char" as attgenerated) older -- found where the catalog has no such column
where a.attnum > 0 and not a.attisdropped and r.relkind in ('r', 'p', 'f', 'c')
union all
select 'constraint', r.nspname, r.relname, k.conname, pg_get_constraintdef(k.oid)
from pg_constraint k join relations r on r.oid = k.conrelid
union all
select 'domain constraint', s.nspname, '', k.conname, pg_get_constraintdef(k.oid)
from pg_constraint k join pg_type t on t.oid = k.contypid join spaces s on s.oid = t.typnamespace
union all
select 'index', r.nspname, case when r.relkind in ('r', 'p') then r.relname else '' end, c.relname,
       pg_get_indexdef(x.indexrelid)
from pg_index x join relations r on r.oid = x.indrelid join pg_class c on c.oid = x.indexrelid
union all
select 'view', r.nspname, '', r.relname, pg_get_viewdef(r.oid) from relations r where r.relkind in ('v', 'm')
union all
select 'trigger', r.nspname, case when r.relkind in ('r', 'p', 'f') then r.relname else '' end, g.tgname,
       g.tgenabled::text || ' ' || pg_get_triggerdef(g.oid)
from pg_trigger g join relations r on r.oid = g.tgrelid where not g.tgisinternal
union all
select 'rule', r.nspname, case when r.relkind in ('r', 'p', 'f') then r.relname else '' end, u.rulename,
       pg_get_ruledef(u.oid)
from pg_rewrite u join relations r on r.oid = u.ev_class where u.rulename <> '_RETURN'
union all
select 'policy', r.nspname, r.relname, p.polname,
       concat_ws(' ', p.polcmd, p.polpermissive, pg_get_expr(p.polqual, p.polrelid),
                 pg_get_expr(p.polwithcheck, p.polrelid),
                 (select string_agg(case when o = 0 then 'public' else pg_get_userbyid(o)::text end, ','
                                    order by pg_get_userbyid(o)) from unnest(p.polroles) o))
from pg_policy p join relations r on r.oid = p.polrelid
union all
select 'inherits', r.nspname, case when r.relkind in ('r', 'p', 'f') then r.relname else '' end, r.relname,
       i.inhseqno || ' ' || i.inhparent::regclass::text
from pg_inherits i join relations r on r.oid = i.inhrelid
union all
select 'sequence', r.nspname, '', r.relname,
       concat_ws(' ', format_type(q.seqtypid, null), q.seqstart, q.seqincrement, q.seqmax, q.seqmin, q.seqcache,
                 q.seqcycle)
from pg_sequence q join relations r on r.oid = q.seqrelid
union all
select 'function', s.nspname, '', p.oid::regprocedure::text,
       case when coalesce(to_jsonb(p) ->> 'prokind', case when (to_jsonb(p) ->> 'proisagg')::bool then 'a' end) = 'a'
            then pg_get_function_result(p.oid) || ' ' || (to_jsonb(g) - '{aggfnoid,aggtranstype,aggmtranstype,aggsortop}'::text[])::text
            else pg_get_functiondef(p.oid) end
from pg_proc p join spaces s on s.oid = p.pronamespace left join pg_aggregate g on g.aggfnoid = p.oid
where not exists (select from members m where m.classid = 'pg_proc'::regclass and m.objid = p.oid)
union all
select 'type', s.nspname, '', t.typname,
       concat_ws(' ', t.typtype, case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end,
                 case when t.typnotnull then 'not null' end, t.typdefault,
                 (select string_agg(quote_literal(e.enumlabel), ',' order by e.enumsortorder)
                  from pg_enum e where e.enumtypid = t.oid),
                 (select format_type(g.rngsubtype, null) from pg_range g where g.rngtypid = t.oid))
from pg_type t join spaces s on s.oid = t.typnamespace
where t.typtype in ('d', 'e', 'r')
  and not exists (select from members m where m.classid = 'pg_type'::regclass and m.objid = t.oid)
union all
select 'extension', n.nspname, '', e.extname, e.extversion
from pg_extension e join pg_namespace n on n.oid = e.extnamespace
