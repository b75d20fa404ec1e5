-- A used test database becomes as empty as a new one, without the price of a new one.
set default_transaction_read_only = off;
set client_min_messages = error;
do $$
declare
  found record;
begin
  for found in
    select format('drop event trigger %I', evtname) as sql from pg_event_trigger
    union all select format('drop publication %I', pubname) from pg_publication
    union all select format('drop extension %I cascade', extname) from pg_extension where extname <> 'plpgsql'
  loop execute found.sql; end loop;
  for found in
    select format('drop schema %I cascade', nspname) as sql from pg_namespace
    where nspname !~ '^pg_' and nspname <> 'information_schema'
  loop execute found.sql; end loop;
  for found in
    select format('drop foreign data wrapper %I cascade', fdwname) as sql from pg_foreign_data_wrapper
    union all select format('drop language %I cascade', lanname) from pg_language where oid >= 16384
    union all select format('drop cast (%s as %s)', castsource::regtype, casttarget::regtype) from pg_cast where oid >= 16384
    union all select format('alter database %I reset all', current_database())
    union all select format('alter database %I owner to %I', current_database(), current_user)
    union all select format('grant connect, temporary on database %I to public', current_database())
    -- default privileges, and rights on what the system has
    union all select distinct format('drop owned by %I cascade', r.rolname)
      from pg_shdepend s join pg_database d on d.oid = s.dbid and d.datname = current_database()
      join pg_roles r on s.refclassid = 'pg_authid'::regclass and r.oid = s.refobjid
      where r.oid >= 16384
    union all select format('alter default privileges %s revoke all on %s from %s',
        'in schema ' || nullif(d.defaclnamespace, 0)::regnamespace,
        case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' else 'types' end,
        case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end)
      from pg_default_acl d cross join aclexplode(d.defaclacl) a where a.grantee <> d.defaclrole and d.defaclrole < 16384
  loop execute found.sql; end loop;
  perform lo_unlink(oid) from pg_largeobject_metadata;
  perform pg_drop_replication_slot(slot_name) from pg_replication_slots where database = current_database();
end $$;
grant usage on language plpgsql to public;
create schema public authorization pg_database_owner;
comment on schema public is 'standard public schema';
grant usage on schema public to public;
