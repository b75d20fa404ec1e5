select e.extname::text as name, e.extversion as version, n.nspname::text as schema_name,
       e.extconfig is not null as configuration,
       pg_has_role(n.nspowner, 'usage') as owns_schema, has_schema_privilege(n.oid, 'create') as creates_in_schema
from pg_extension e join pg_namespace n on n.oid = e.extnamespace
order by 1
