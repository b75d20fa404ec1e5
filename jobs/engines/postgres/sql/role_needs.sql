-- Roles that objects name. An object that comes with another one (deptype i), such as a range's multirange and its
-- constructors, has that one's owner. `place`: where the new owner itself needs a right when it is given the object.
with automatic as (
    select classid, objid from pg_depend where deptype = 'e'
    union all
    select classid, objid from pg_depend where deptype = 'i' and classid in ('pg_proc'::regclass, 'pg_type'::regclass)
      -- a view's row type, too, hangs on its view, but is of no interest: only composite types are listed below
), things as (
    select 'pg_class'::regclass as classid, c.oid, c.relowner as owner, c.relacl as acl, c.relnamespace as space,
           case when c.relkind in ('r', 'p', 'f') then c.relname else '' end as table_name, c.relname as name,
           'schema' as place
    from pg_class c where c.relkind in ('r', 'p', 'f', 'v', 'm', 'S')
    union all
    select 'pg_class'::regclass, c.oid, c.relowner, a.attacl, c.relnamespace, c.relname, c.relname, 'column'
    from pg_attribute a join pg_class c on c.oid = a.attrelid where a.attacl is not null and not a.attisdropped
    union all
    select 'pg_namespace'::regclass, n.oid, n.nspowner, n.nspacl, n.oid, '', n.nspname, '' from pg_namespace n
    union all
    select 'pg_proc'::regclass, p.oid, p.proowner, p.proacl, p.pronamespace, '', p.proname, 'schema' from pg_proc p
    union all
    select 'pg_type'::regclass, t.oid, t.typowner, t.typacl, t.typnamespace, '', t.typname, 'schema'
    from pg_type t left join pg_class c on c.oid = t.typrelid
    where (t.typtype in ('d', 'e', 'r') or c.relkind = 'c')
    union all
    select 'pg_collation'::regclass, l.oid, l.collowner, null, l.collnamespace, '', l.collname, 'schema'
    from pg_collation l
    union all
    select 'pg_conversion'::regclass, v.oid, v.conowner, null, v.connamespace, '', v.conname, 'schema'
    from pg_conversion v
    union all
    select 'pg_operator'::regclass, o.oid, o.oprowner, null, o.oprnamespace, '', o.oprname, 'schema'
    from pg_operator o
    union all
    select 'pg_opclass'::regclass, o.oid, o.opcowner, null, o.opcnamespace, '', o.opcname, 'schema' from pg_opclass o
    union all
    select 'pg_opfamily'::regclass, o.oid, o.opfowner, null, o.opfnamespace, '', o.opfname, 'schema'
    from pg_opfamily o
    union all
    select 'pg_ts_config'::regclass, x.oid, x.cfgowner, null, x.cfgnamespace, '', x.cfgname, 'schema'
    from pg_ts_config x
    union all
    select 'pg_ts_dict'::regclass, x.oid, x.dictowner, null, x.dictnamespace, '', x.dictname, 'schema'
    from pg_ts_dict x
    union all
    select 'pg_statistic_ext'::regclass, s.oid, s.stxowner, null, s.stxnamespace, c.relname, s.stxname, 'schema'
    from pg_statistic_ext s join pg_class c on c.oid = s.stxrelid
), placed as (
    select t.owner, t.acl, n.nspname::text as schema_name, t.table_name::text, t.name::text, t.place, '' as wrapper
    from things t join pg_namespace n on n.oid = t.space
    where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ferrybot')
      and not exists (select from automatic m where m.classid = t.classid and m.objid = t.oid)
    union all
    select f.srvowner, f.srvacl, '', '', f.srvname::text, 'wrapper', w.fdwname::text
    from pg_foreign_server f join pg_foreign_data_wrapper w on w.oid = f.srvfdw
    union all
    select p.pubowner, null, '', '', p.pubname::text, 'database', '' from pg_publication p
    union all
    select l.lomowner, l.lomacl, '', '', 'large object ' || l.oid, '', '' from pg_largeobject_metadata l
), needs as (
    select 'owner' as use, p.owner as oid, p.schema_name, p.table_name, p.name, p.place, p.wrapper
    from placed p where p.place <> 'column'
    union all
    select 'grantee', x.grantee, p.schema_name, p.table_name, p.name, '', ''
    from placed p cross join aclexplode(p.acl) x
    where x.grantee <> 0 and x.grantee <> p.owner
    union all
    select 'grantor', x.grantor, p.schema_name, p.table_name, p.name, '', ''
    from placed p cross join aclexplode(p.acl) x
    where x.grantor <> p.owner
    union all
    select 'grantee', x.grantee, '', '', 'default privileges', '', ''
    from pg_default_acl d cross join aclexplode(d.defaclacl) x where x.grantee <> 0
    union all
    select 'defaults', d.defaclrole, '', '', 'default privileges', '', '' from pg_default_acl d
    union all
    select 'named', r.oid, n.nspname, c.relname, 'policy ' || p.polname, '', ''
    from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
    cross join unnest(p.polroles) r(oid) where r.oid <> 0
    union all
    select 'named', u.umuser, '', '', 'user mapping of ' || u.srvname, '', ''
    from pg_user_mappings u where u.umuser <> 0
    union all
    select 'setting', z.setrole, '', '', 'settings in the database', '', ''
    from pg_db_role_setting z join pg_database d on d.oid = z.setdatabase and d.datname = current_database()
    join pg_roles r on r.oid = z.setrole
)
select pg_get_userbyid(oid)::text as role, use, schema_name, table_name, place, wrapper,
       min(case when schema_name in ('', name) then name else schema_name || '.' || name end) as object
from needs
group by 1, 2, 3, 4, 5, 6
order by 1, 2, 3, 4, 5, 6
