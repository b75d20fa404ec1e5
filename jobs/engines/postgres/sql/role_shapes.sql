-- The source's roles as a run could make them, and what nobody but a superuser may give.
select rolname::text as name, rolcanlogin as login, rolcreatedb as createdb, rolcreaterole as createrole,
       concat_ws(', ', case when rolsuper then 'SUPERUSER' end, case when rolreplication then 'REPLICATION' end,
                 case when rolbypassrls then 'BYPASSRLS' end) as never
from pg_roles order by 1
