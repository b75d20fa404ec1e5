-- `base` is the type below all domains, which is what travels; a true array has typlen -1 and an element.
with recursive below(domain, oid) as (
    select t.oid, t.typbasetype from pg_type t where t.typtype = 'd'
    union all
    select b.domain, t.typbasetype from below b join pg_type t on t.oid = b.oid where t.typtype = 'd'
),
parts_of(whole, part) as (
    select oid, typbasetype from pg_type where typbasetype <> 0
    union all
    select oid, typelem from pg_type where typelem <> 0 and typlen = -1
    union all
    select k.reltype, a.atttypid from pg_attribute a join pg_class k on k.oid = a.attrelid
    where k.reltype <> 0 and not a.attisdropped and a.attnum > 0 and a.attrelid >= 16384
),
-- regproc, regprocedure, regoper, regoperator, regclass, and what holds them: domains, arrays, composites
naming(oid) as (
    select unnest(array[24, 2202, 2203, 2204, 2205])::oid
    union
    select p.whole from naming h join parts_of p on p.part = h.oid
)
select n.nspname::text as schema_name,
       c.relname::text as table_name,
       a.attname::text as name,
       format_type(a.atttypid, a.atttypmod) as type,
       t.oid::bigint as base,
       case when t.typlen = -1 then t.typelem::bigint else 0 end as element,
       t.typtype = 'e' as enum,
       a.atttypid in (select oid from naming) as names,
       (select attgenerated from (select a.*) newer) <> '' as generated
from pg_attribute a
join pg_class c on c.oid = a.attrelid
join pg_namespace n on n.oid = c.relnamespace
-- What a newer catalog has, the subquery finds there; an older one has not the column, and it is taken from here.
cross join (select ''::"char" as attgenerated) older
left join below b on b.domain = a.atttypid
     and exists (select from pg_type d where d.oid = b.oid and d.typtype <> 'd')
join pg_type t on t.oid = coalesce(b.oid, a.atttypid)
where a.attnum > 0 and not a.attisdropped
  and c.relkind in ('r', 'p', 'f')
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ferrybot')
order by n.nspname, c.relname, a.attnum
