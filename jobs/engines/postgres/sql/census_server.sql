-- What belongs to an extension or to the server itself, as far as people changed it: grants travel, members do not.

-- name: members
select concat_ws(' ', e.extname, e.extversion), concat_ws(' ', i.type, i.identity)
from pg_depend d join pg_extension e on d.refclassid = 'pg_extension'::regclass and e.oid = d.refobjid
cross join pg_identify_object(d.classid, d.objid, d.objsubid) i
where d.deptype = 'e' and i.identity is not null

-- name: changed grants
-- Against what CREATE EXTENSION or initdb gave: `+` was granted, `-` was taken away.
with {rights}, changes as (
    select r.classid, r.objid, r.objsubid, r.owner, x.*
    from rights r cross join lateral (
        select '+' as sign, a.* from (select grantee, privilege_type, is_grantable from aclexplode(r.acl)
            except select grantee, privilege_type, is_grantable from aclexplode(r.usual)) a
        union all
        select '-', a.* from (select grantee, privilege_type, is_grantable from aclexplode(r.usual)
            except select grantee, privilege_type, is_grantable from aclexplode(r.acl)) a) x
    where r.acl::text is distinct from r.usual::text)
select concat_ws(' ', i.type, i.identity), case when c.grantee = 0 then 'public' else pg_get_userbyid(c.grantee) end,
    concat(c.privilege_type, case when c.is_grantable then ' with grant option' end), c.sign
from changes c cross join pg_identify_object(c.classid, c.objid, c.objsubid) i
where c.grantee <> c.owner and i.identity is not null

-- name: grants
with {rights}
select concat_ws(' ', i.type, i.identity), case when a.grantee = 0 then 'public' else pg_get_userbyid(a.grantee) end,
    concat(a.privilege_type, case when a.is_grantable then ' with grant option' end)
from rights r cross join pg_identify_object(r.classid, r.objid, r.objsubid) i cross join aclexplode(r.acl) a
where concat_ws(' ', i.type, i.identity) in ({names})

-- name: rights
-- Objects of the server and members of extensions with grants of their own; `usual` is what they began with.
members as (select classid, objid from pg_depend where deptype = 'e'),
given as (
    select 'pg_proc'::regclass as classid, oid as objid, 0 as objsubid, pronamespace as space, proowner as owner,
           coalesce(proacl, acldefault('f', proowner)) as acl, acldefault('f', proowner) as built_in from pg_proc where proacl is not null or {all}
    union all
    select 'pg_class'::regclass, oid, 0, relnamespace, relowner, coalesce(relacl, acldefault('r', relowner)),
           acldefault('r', relowner) from pg_class where relkind in ('r', 'p', 'v', 'm', 'f') and (relacl is not null or {all})
    union all
    select 'pg_class'::regclass, c.oid, a.attnum, c.relnamespace, c.relowner, a.attacl, null::aclitem[]
    from pg_attribute a join pg_class c on c.oid = a.attrelid where a.attacl is not null and not a.attisdropped
    union all
    select 'pg_type'::regclass, oid, 0, typnamespace, typowner, coalesce(typacl, acldefault('T', typowner)),
           acldefault('T', typowner) from pg_type where typacl is not null or ({all} and typrelid = 0 and typelem = 0)
    union all
    select 'pg_language'::regclass, oid, 0, 'pg_catalog'::regnamespace, lanowner, coalesce(lanacl, acldefault('l', lanowner)),
           acldefault('l', lanowner) from pg_language where oid < 16384 and (lanacl is not null or {all})
    union all
    select 'pg_language'::regclass, oid, 0, 0, lanowner, coalesce(lanacl, acldefault('l', lanowner)),
           acldefault('l', lanowner) from pg_language where oid >= 16384 and (lanacl is not null or {all})
    union all
    select 'pg_foreign_data_wrapper'::regclass, oid, 0, 0, fdwowner, coalesce(fdwacl, acldefault('F', fdwowner)),
           acldefault('F', fdwowner) from pg_foreign_data_wrapper where fdwacl is not null or {all}
    union all
    select 'pg_namespace'::regclass, oid, 0, 0, nspowner, coalesce(nspacl, acldefault('n', nspowner)),
           acldefault('n', nspowner) from pg_namespace where nspname !~ '^pg_(toast|temp)' and (nspacl is not null or {all})),
rights as (
    select g.classid, g.objid, g.objsubid, g.owner, g.acl, coalesce(i.initprivs, g.built_in) as usual
    from given g left join pg_init_privs i on i.classoid = g.classid and i.objoid = g.objid and i.objsubid = g.objsubid
    where g.space in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
       or (g.classid, g.objid) in (select classid, objid from members)
       or (g.classid = 'pg_namespace'::regclass and g.objid in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)))

-- name: public
select pg_get_userbyid(n.nspowner), coalesce(obj_description(n.oid, 'pg_namespace'), ''), pg_has_role(n.nspowner, 'USAGE'),
    (select string_agg(concat(case when a.grantee = 0 then 'public' else pg_get_userbyid(a.grantee) end, '=', a.privilege_type,
            case when a.is_grantable then '*' end), ', ' order by 1)
     from aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a where a.grantee <> n.nspowner)
from pg_namespace n where n.nspname = 'public'
