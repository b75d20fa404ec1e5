with uses as (
    select a.attcollation as oid, n.nspname || '.' || c.relname || '.' || a.attname as used_by
    from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
    where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'f', 'v', 'm', 'c')
      and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ferrybot')
    union all
    select o, n.nspname || '.' || c.relname
    from pg_index x join pg_class c on c.oid = x.indexrelid join pg_namespace n on n.oid = c.relnamespace,
         unnest(x.indcollation) o
    where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ferrybot')
    union all
    select t.typcollation, n.nspname || '.' || t.typname
    from pg_type t join pg_namespace n on n.oid = t.typnamespace
    where t.typtype = 'd' and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ferrybot')
)
select n.nspname::text as schema_name, l.collname::text as name, l.collprovider::text as provider,
       coalesce(to_jsonb(l) ->> 'colllocale', to_jsonb(l) ->> 'colliculocale', l.collcollate::text, '') as locale,
       min(u.used_by) as used_by, coalesce(l.collversion, '') as recorded_version,
       case when l.collversion is null then '' else coalesce(pg_collation_actual_version(l.oid), '') end
           as actual_version
from uses u join pg_collation l on l.oid = u.oid join pg_namespace n on n.oid = l.collnamespace
where l.collprovider <> 'd'
group by l.oid, 1, 2, 3, 4, 6
order by 1, 2
