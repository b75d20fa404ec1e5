-- Objects with a property that a check warns of.
with spaces as (
    select oid, nspname::text from pg_namespace
    where nspname !~ '^pg_' and nspname not in ('information_schema', 'ferrybot')
)
select 'invalid index' as kind, s.nspname as schema_name, t.relname::text as table_name, c.relname::text as name,
       case when t.relkind = 'p' then 'of a partitioned table' else '' end as note
from pg_index x join pg_class c on c.oid = x.indexrelid join pg_class t on t.oid = x.indrelid
join spaces s on s.oid = c.relnamespace
where not x.indisvalid
union all
select 'not valid', s.nspname, c.relname, k.conname, pg_get_constraintdef(k.oid)
from pg_constraint k join pg_class c on c.oid = k.conrelid join spaces s on s.oid = c.relnamespace
where not k.convalidated
union all
select 'trigger mode', s.nspname, c.relname, g.tgname,
       case g.tgenabled when 'A' then 'always' when 'R' then 'replica' else 'disabled' end
from pg_trigger g join pg_class c on c.oid = g.tgrelid join spaces s on s.oid = c.relnamespace
where not g.tgisinternal and g.tgenabled <> 'O'
union all
select 'tablespace', s.nspname, case when c.relkind in ('r', 'p') then c.relname::text else '' end, c.relname,
       e.spcname
from pg_class c join spaces s on s.oid = c.relnamespace join pg_tablespace e on e.oid = c.reltablespace
union all
select 'event trigger', '', '', evtname, evtevent from pg_event_trigger v
where not exists (select from pg_depend d where d.classid = 'pg_event_trigger'::regclass and d.objid = v.oid
                  and d.deptype = 'e')
union all
select 'publication for all tables', '', '', pubname, '' from pg_publication where puballtables
union all
-- its catalog exists since 15, its class of dependencies is asked for by name
select 'publication for schemas', '', '', p.pubname, ''
from pg_publication p
where exists (select from pg_depend d where d.refclassid = 'pg_publication'::regclass and d.refobjid = p.oid
              and d.classid = to_regclass('pg_catalog.pg_publication_namespace'))
union all
-- pg_dump writes these of schema public, which nobody but its owner may do
select 'schema public', 'public', '', 'owner', pg_get_userbyid(n.nspowner)
from pg_namespace n where n.nspname = 'public' and pg_get_userbyid(n.nspowner) <> 'pg_database_owner'
union all
select 'schema public', 'public', '', 'comment', ''
from pg_namespace n where n.nspname = 'public'
  and coalesce(obj_description(n.oid, 'pg_namespace'), '') <> 'standard public schema'
union all
select 'schema public', 'public', '', 'grants', ''
from pg_namespace n where n.nspname = 'public'
  and (current_setting('server_version_num')::int < 150000
       or array(select concat(case when a.grantee = n.nspowner then 'owner' else a.grantee::text end,
                              a.privilege_type, a.is_grantable)
                from aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a order by 1)
          <> array['0USAGEf', 'ownerCREATEf', 'ownerUSAGEf'])
union all
select 'subscription', '', '', u.subname, ''
from pg_subscription u join pg_database d on d.oid = u.subdbid where d.datname = current_database()
union all
select 'large objects', '', '', 'large objects', count(*)::text from pg_largeobject_metadata having count(*) > 0
union all
select 'setting', '', '', coalesce('role ' || r.rolname, 'everybody'), setting
from pg_db_role_setting z join pg_database d on d.oid = z.setdatabase and d.datname = current_database()
left join pg_roles r on r.oid = z.setrole
cross join unnest(z.setconfig) setting
union all
-- of the database itself, which only CREATE DATABASE would carry
select 'database', '', '', x.name, ''
from pg_database d cross join lateral (values
    ('grants', exists (select from (select grantee, privilege_type, is_grantable from aclexplode(d.datacl)
                                    except select grantee, privilege_type, is_grantable
                                    from aclexplode(acldefault('d', d.datdba))) a where a.grantee <> d.datdba)),
    ('revoked grants', d.datacl is not null and exists (
        select grantee, privilege_type from aclexplode(acldefault('d', d.datdba)) where grantee <> d.datdba
        except select grantee, privilege_type from aclexplode(d.datacl))),
    ('comment', shobj_description(d.oid, 'pg_database') is not null),
    ('connection limit', d.datconnlimit >= 0)) x(name, there)
where d.datname = current_database() and x.there
union all
select 'user mapping', '', '', m.srvname, coalesce(m.usename, 'public') from pg_user_mappings m
order by 1, 2, 3, 4, 5
