select n.nspname::text as schema_name, p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' as name,
       l.lanname::text as language, coalesce(p.probin::text, '') as library
from pg_proc p join pg_language l on l.oid = p.prolang join pg_namespace n on n.oid = p.pronamespace
where not l.lanpltrusted
  -- sql counts as trusted, c and internal do not
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ferrybot')
  and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid
                  -- i: a type's own, such as the constructor of a range
                  and d.deptype in ('e', 'i'))
  and not exists (select from pg_aggregate a where a.aggfnoid = p.oid)
order by 1, 2
