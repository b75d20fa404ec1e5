-- What pg_dump carries otherwise or not at all.

-- name: dropped defaults
select c.oid::bigint, n.nspname::text, c.relname::text, a.attname::text
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'f') and a.attnum > 0 and not a.attisdropped and a.attinhcount > 0 and not a.atthasdef
  and a.attidentity = '' and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ferrybot')
  and exists (select from pg_inherits i join pg_attribute p on p.attrelid = i.inhparent and p.attname = a.attname
              where i.inhrelid = c.oid and p.atthasdef and not p.attisdropped)
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
order by 2, 3, a.attnum

-- name: language grants
-- Of every one that is no extension's, the owner's own apart; role '' is everybody.
select l.lanname::text, case when x.grantee = 0 then '' else pg_get_userbyid(x.grantee)::text end, x.is_grantable
from pg_language l cross join aclexplode(coalesce(l.lanacl, acldefault('l', l.lanowner))) x
where not l.lanispl and x.grantee <> l.lanowner
