-- What this role cannot read, tables apart.
select 'schema' as kind, n.nspname::text as schema_name, '' as name, '' as table_name
from pg_namespace n
where not has_schema_privilege(n.oid, 'usage')
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ferrybot')
union all
select 'sequence', n.nspname::text, c.relname::text,
       coalesce((select t.relname::text from pg_depend o join pg_class t on t.oid = o.refobjid
                 where o.classid = 'pg_class'::regclass and o.objid = c.oid
                   and o.refclassid = 'pg_class'::regclass and o.deptype in ('a', 'i') limit 1), '')
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where case when c.relkind = 'S' then not has_sequence_privilege(c.oid, 'select') else false end
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ferrybot')
  and not exists (select from pg_depend e where e.classid = 'pg_class'::regclass and e.objid = c.oid
                  and e.deptype = 'e')
union all
select 'large object', '', l.oid::text, ''
from pg_largeobject_metadata l
where not pg_has_role(l.lomowner, 'usage')
  and not exists (select from aclexplode(l.lomacl) x
                  where x.privilege_type = 'SELECT'
                    and (x.grantee = 0 or case when x.grantee = 0 then true else pg_has_role(x.grantee, 'usage') end))
order by 1, 2, 3
