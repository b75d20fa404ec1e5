-- Foreign keys that are enforced, each once: a partition's belongs to that of its parent. Of those over periods (18)
-- the last column is the period, and its operator is "overlaps".
select k.conname::text as name, n.nspname::text as schema_name, c.relname::text as table_name,
       tn.nspname::text as to_schema, t.relname::text as to_table,
       array(select a.attname::text from unnest(k.conkey) with ordinality u(number, place)
             join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.number order by u.place) as columns,
       array(select a.attname::text from unnest(k.confkey) with ordinality u(number, place)
             join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.number order by u.place) as to_columns,
       array(select format('operator(%I.%s)', s.nspname, o.oprname) from unnest(k.conpfeqop) with ordinality u(oid, place)
             join pg_operator o on o.oid = u.oid join pg_namespace s on s.oid = o.oprnamespace order by u.place) as operators,
       c.relkind = 'r' as only, t.relkind = 'r' as to_only, k.convalidated as validated,
       coalesce(to_jsonb(k) ->> 'conperiod', 'false') = 'true' as period
from pg_constraint k
join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
join pg_class t on t.oid = k.confrelid join pg_namespace tn on tn.oid = t.relnamespace
where k.contype = 'f' and coalesce((to_jsonb(k) ->> 'conparentid')::bigint, 0) = 0
  and coalesce(to_jsonb(k) ->> 'conenforced', 'true') = 'true'
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ferrybot')
order by 2, 3, 1
