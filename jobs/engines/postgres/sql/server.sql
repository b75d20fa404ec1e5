-- The server, the database and the role. Columns that only newer versions know are read through to_jsonb,
-- which answers null where there is no such column: the same text runs on PostgreSQL 10 to 18.
select current_setting('server_version_num')::int as version_num,
       split_part(current_setting('server_version'), ' ', 1) as version,
       d.datname as database,
       current_user::text as role,
       r.rolsuper as superuser,
       exists (select from pg_roles m
               where m.rolname in ('rds_superuser', 'cloudsqlsuperuser', 'alloydbsuperuser', 'azure_pg_admin',
                                   'neon_superuser', 'supabase_admin')
                 and pg_has_role(m.oid, 'member')
                 and not r.rolsuper) as managed_admin,
       r.rolsuper or r.rolbypassrls as bypass_rls,
       pg_is_in_recovery() as in_recovery,
       -- the session's own value is ours; its reset value is what role and database ask for
       (select reset_val = 'on' from pg_settings where name = 'default_transaction_read_only') as read_only,
       r.rolsuper or r.rolcreaterole as can_create_role,
       r.rolsuper or pg_has_role(d.datdba, 'usage') as owns_database,
       has_database_privilege(d.oid, 'create') as can_create_schema,
       coalesce(has_schema_privilege(to_regnamespace('public')::oid, 'create'), true) as can_use_public,
       coalesce((select pg_has_role(n.nspowner, 'usage') from pg_namespace n where n.nspname = 'public'), true)
           as owns_public,
       to_regnamespace('public') is not null as public_exists,
       pg_encoding_to_char(d.encoding)::text as encoding,
       coalesce(d.datcollate::text, '') as collate,
       coalesce(d.datctype::text, '') as ctype,
       coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') as provider,
       coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', '') as locale,
       coalesce(to_jsonb(d) ->> 'datcollversion', '') as collation_version,
       current_setting('max_locks_per_transaction')::int as locks_per_session,
       current_setting('max_locks_per_transaction')::bigint
           * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int) as lock_room,
       current_setting('lc_monetary') as lc_monetary,
       current_setting('wal_level') as wal_level,
       current_setting('archive_mode') <> 'off' as archiving,
       pg_size_bytes(current_setting('max_wal_size')) as max_wal_bytes,
       age(d.datfrozenxid) as freeze_age,
       current_setting('autovacuum_freeze_max_age')::int as freeze_limit,
       coalesce(host(inet_server_addr()) || ':' || inet_server_port(), 'socket') as address,
       pg_postmaster_start_time()::text as started,
       coalesce((select s.ssl from pg_stat_ssl s where s.pid = pg_backend_pid()), false) as tls
from pg_database d, pg_roles r
where d.datname = current_database() and r.rolname = current_user
