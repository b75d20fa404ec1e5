-- Relations that people made: the beginning of the census's statements.
with rel as (
    select c.oid, c.relname, c.relkind, n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where not c.relispartition and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ferrybot')
      and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e'))
