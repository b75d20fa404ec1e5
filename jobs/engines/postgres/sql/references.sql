-- From which relation to which: what breaks when the second does not move.
select 'foreign key' as kind, k.conname::text as name, n.nspname::text as schema_name, c.relname::text as table_name,
       tn.nspname::text as to_schema, t.relname::text as to_table
from pg_constraint k
join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
join pg_class t on t.oid = k.confrelid join pg_namespace tn on tn.oid = t.relnamespace
where k.contype = 'f' and coalesce((to_jsonb(k) ->> 'conparentid')::bigint, 0) = 0
union all
select distinct case c.relkind when 'm' then 'materialized view' else 'view' end, c.relname::text, n.nspname::text,
       c.relname::text, tn.nspname::text, t.relname::text
from pg_rewrite r
join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
join pg_class t on t.oid = d.refobjid join pg_namespace tn on tn.oid = t.relnamespace
where t.oid <> c.oid and c.relkind in ('v', 'm') and t.relkind in ('r', 'p', 'f', 'v', 'm')
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and tn.nspname !~ '^pg_' and tn.nspname <> 'information_schema'
union all
select 'inheritance', c.relname::text, n.nspname::text, c.relname::text, tn.nspname::text, t.relname::text
from pg_inherits i
join pg_class c on c.oid = i.inhrelid join pg_namespace n on n.oid = c.relnamespace
join pg_class t on t.oid = i.inhparent join pg_namespace tn on tn.oid = t.relnamespace
where c.relkind in ('r', 'f') and not c.relispartition
order by 1, 3, 4, 2
