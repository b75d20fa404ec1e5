with members as (
    select classid, objid from pg_depend where deptype = 'e'
), things as (
    select 'pg_class'::regclass as classid, c.oid, c.relowner as owner, c.relacl as acl, c.relnamespace as space,
           case when c.relkind in ('r', 'p', 'f') then c.relname else '' end as table_name, c.relname as name
    from pg_class c where c.relkind in ('r', 'p', 'f', 'v', 'm', 'S')
    union all
    select 'pg_class'::regclass, c.oid, null, a.attacl, c.relnamespace, c.relname, c.relname
    from pg_attribute a join pg_class c on c.oid = a.attrelid where a.attacl is not null and not a.attisdropped
    union all
    select 'pg_namespace'::regclass, n.oid, n.nspowner, n.nspacl, n.oid, '', n.nspname from pg_namespace n
    union all
    select 'pg_proc'::regclass, p.oid, p.proowner, p.proacl, p.pronamespace, '', p.proname from pg_proc p
    union all
    select 'pg_type'::regclass, t.oid, t.typowner, t.typacl, t.typnamespace, '', t.typname
    from pg_type t left join pg_class c on c.oid = t.typrelid
    where t.typtype in ('d', 'e', 'r') or c.relkind = 'c'
), placed as (
    select t.owner, t.acl, n.nspname::text as schema_name, t.table_name::text, t.name::text
    from things t join pg_namespace n on n.oid = t.space
    where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ferrybot')
      and not exists (select from members m where m.classid = t.classid and m.objid = t.oid)
    union all
    select f.srvowner, f.srvacl, '', '', f.srvname::text from pg_foreign_server f
    union all
    select null, d.defaclacl, '', '', 'default privileges' from pg_default_acl d
    union all
    select d.defaclrole, null, '', '', 'default privileges' from pg_default_acl d
), needs as (
    select 'owner' as use, p.owner as oid, p.schema_name, p.table_name, p.name from placed p where p.owner is not null
    union all
    select 'grantee', x.grantee, p.schema_name, p.table_name, p.name
    from placed p cross join aclexplode(p.acl) x
    where x.grantee <> 0 and x.grantee is distinct from p.owner
)
select pg_get_userbyid(oid)::text as role, use, schema_name, table_name,
       min(case when schema_name in ('', name) then name else schema_name || '.' || name end) as object
from needs
group by 1, 2, 3, 4
order by 1, 2, 3, 4
