-- Since 16 membership and the right to SET ROLE, which giving an object away needs, are two things.
select r.rolname::text as name,
       pg_has_role(r.oid, case when current_setting('server_version_num')::int >= 160000 then 'set' else 'member' end)
           as assumable
from pg_roles r order by 1
