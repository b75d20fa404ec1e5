-- What only a server of a certain build can make or use: `kind` is lz4 or xml, `note` a person's word for what needs it.
with recursive spaces as (
    select oid, nspname::text from pg_namespace
    where nspname !~ '^pg_' and nspname not in ('information_schema', 'ferrybot')
), members as (select classid, objid from pg_depend where deptype = 'e'),
relations as (
    select c.oid, c.relkind, c.relname::text, s.nspname, case when c.relkind in ('r', 'p', 'f') then c.relname::text else '' end as own
    from pg_class c join spaces s on s.oid = c.relnamespace
    where not exists (select from members m where m.classid = 'pg_class'::regclass and m.objid = c.oid)
),
parts_of(whole, part) as (
    select oid, typbasetype from pg_type where typbasetype <> 0
    union all
    select oid, typelem from pg_type where typelem <> 0 and typlen = -1
    union all
    select k.reltype, a.atttypid from pg_attribute a join pg_class k on k.oid = a.attrelid
    where k.relkind = 'c' and not a.attisdropped and a.attnum > 0
),
-- xml, the same number in every version, and what holds it: domains, arrays, composites
holding(oid) as (
    select 142::oid
    union
    select p.whole from holding h join parts_of p on p.part = h.oid
),
-- stored expressions as trees; a constant is read when it is created, the rest when it is used
trees(schema_name, table_name, name, note, tree) as (
    select r.nspname, r.own, r.relname, case r.relkind when 'v' then 'view' when 'm' then 'materialized view' else 'rule of table' end,
           u.ev_action::text || u.ev_qual::text
    from pg_rewrite u join relations r on r.oid = u.ev_class
    union all
    select r.nspname, r.own, r.relname || '.' || a.attname, 'default of column', d.adbin::text
    from pg_attrdef d join relations r on r.oid = d.adrelid join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
    union all
    select r.nspname, r.own, r.relname || '.' || k.conname, 'constraint', k.conbin::text
    from pg_constraint k join relations r on r.oid = k.conrelid
    union all
    select r.nspname, r.own, c.relname::text, 'index', concat(x.indexprs, x.indpred)
    from pg_index x join relations r on r.oid = x.indrelid join pg_class c on c.oid = x.indexrelid
    union all
    select r.nspname, r.own, r.relname || '.' || g.tgname, 'trigger', g.tgqual::text
    from pg_trigger g join relations r on r.oid = g.tgrelid where not g.tgisinternal
    union all
    select r.nspname, r.own, r.relname || '.' || p.polname, 'policy', concat(p.polqual, p.polwithcheck)
    from pg_policy p join relations r on r.oid = p.polrelid
    union all
    select s.nspname, '', p.proname::text, 'routine', concat(p.proargdefaults, to_jsonb(p) ->> 'prosqlbody')
    from pg_proc p join spaces s on s.oid = p.pronamespace
    where not exists (select from members m where m.classid = 'pg_proc'::regclass and m.objid = p.oid)
    union all
    select s.nspname, '', t.typname::text, 'domain', concat(t.typdefaultbin, (select string_agg(k.conbin::text, '')
           from pg_constraint k where k.contypid = t.oid))
    from pg_type t join spaces s on s.oid = t.typnamespace where t.typtype = 'd'
      and not exists (select from members m where m.classid = 'pg_type'::regclass and m.objid = t.oid)
    offset 0 -- the system's own trees are not searched: the conditions below come after these joins
)
select 'lz4' as kind, r.nspname as schema_name, r.own as table_name, r.relname || '.' || a.attname as name, 'column' as note
from pg_attribute a join relations r on r.oid = a.attrelid
cross join (select ''::"char" as attcompression) older -- found where the catalog has no such column
where a.attnum > 0 and not a.attisdropped and (select attcompression from (select a.*) newer) = 'l'
  and r.relkind in ('r', 'p', 'm')
union all
select 'lz4', s.nspname, '', p.proname, 'setting of routine'
from pg_proc p join spaces s on s.oid = p.pronamespace
where 'default_toast_compression=lz4' = any(p.proconfig)
union all
select 'xml', r.nspname, r.own, r.relname || '.' || a.attname, 'column'
from pg_attribute a join relations r on r.oid = a.attrelid
where a.attnum > 0 and not a.attisdropped and a.atttypid in (select oid from holding) and r.relkind in ('r', 'p', 'f', 'm')
union all
select distinct 'xml', schema_name, table_name, name, note from trees
-- XMLPARSE and the like; a constant that is not null (143 is xml[]; XMLTABLE holds one, or a column or function);
-- a function that gives xml, or takes it
where tree ~ '[{]XMLEXPR |:consttype 14[23] :consttypmod -?[0-9]+ :constcollid 0 :constlen -1 :constbyval false :constisnull false'
   or tree ~ ':funcresulttype 14[23] |:funcid (2614|2922|3049|3050|3051|3052|3053) '
order by 1, 2, 3, 4, 5
