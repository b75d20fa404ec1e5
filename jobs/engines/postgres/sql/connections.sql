-- pg_stat_database counts sessions of everybody for everybody; pg_stat_activity hides their kind. What looks now is gone
-- when a run begins, and the conductor who looks again is one of those that the run needs.
with looking as (
    select count(*)::int as n from pg_stat_activity a
    where a.usename = current_user and a.datname = current_database()
      and (a.pid = pg_backend_pid() or a.application_name = 'ferrybot probe'
           or a.application_name like 'ferrybot conductor %')
)
select current_setting('max_connections')::int as server_limit,
       case when r.rolsuper then 0
            else current_setting('superuser_reserved_connections')::int
                 + coalesce(current_setting('reserved_connections', true)::int, 0) end as reserved,
       (select coalesce(sum(numbackends), 0)::int from pg_stat_database) - n as server_used,
       case when r.rolsuper then -1 else d.datconnlimit end as database_limit,
       (select numbackends from pg_stat_database s where s.datid = d.oid) - n as database_used,
       case when r.rolsuper then -1 else r.rolconnlimit end as role_limit,
       (select count(*)::int from pg_stat_activity a where a.usesysid = r.oid) - n as role_used
from pg_database d, pg_roles r, looking
where d.datname = current_database() and r.rolname = current_user
