-- Since 16 membership, its inheritance and the right to SET ROLE, which giving an object away needs, are three things.
with granted as (
    select distinct m.roleid as oid from pg_auth_members m
)
select r.rolname::text as name,
       r.rolsuper as superuser,
       pg_has_role(r.oid, case when current_setting('server_version_num')::int >= 160000 then 'set' else 'member' end)
           as assumable,
       pg_has_role(r.oid, 'usage') as inherited,
       has_database_privilege(r.oid, current_database(), 'create') as creates,
       coalesce(has_schema_privilege(r.oid, to_regnamespace('public')::oid, 'create'), true) as creates_in_public,
       array(select o.rolname::text from granted g join pg_roles o on o.oid = g.oid
             where not r.rolsuper and o.oid <> r.oid and pg_has_role(r.oid, o.oid, 'usage')) as inherits
from pg_roles r order by 1
