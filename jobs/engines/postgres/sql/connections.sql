-- pg_stat_database counts sessions of everybody for everybody; pg_stat_activity hides their kind.
select current_setting('max_connections')::int as server_limit,
       case when r.rolsuper then 0
            else current_setting('superuser_reserved_connections')::int
                 + coalesce(current_setting('reserved_connections', true)::int, 0) end as reserved,
       (select coalesce(sum(numbackends), 0)::int from pg_stat_database) as server_used,
       case when r.rolsuper then -1 else d.datconnlimit end as database_limit,
       (select numbackends from pg_stat_database s where s.datid = d.oid) as database_used,
       case when r.rolsuper then -1 else r.rolconnlimit end as role_limit,
       (select count(*)::int from pg_stat_activity a where a.usesysid = r.oid) as role_used
from pg_database d, pg_roles r
where d.datname = current_database() and r.rolname = current_user
