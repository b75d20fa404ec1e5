select 'sequence' as kind, n.nspname::text as schema_name, c.relname::text as name
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where case when c.relkind = 'S' then not has_sequence_privilege(c.oid, 'update') else false end
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ferrybot')
order by 2, 3
