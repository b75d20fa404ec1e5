-- What the target holds, as its catalogs say it: a row of name and definition for each object of a kind.
-- name: table
{mine}
select nspname || '.' || relname, '' from rel where relkind in ('r', 'p')

-- name: column
{mine}
select r.nspname || '.' || r.relname || '.' || a.attname,
    format_type(a.atttypid, a.atttypmod)
    || coalesce((select ' collate ' || l.collname from pg_collation l join pg_type t on t.oid = a.atttypid
        where l.oid = a.attcollation and a.attcollation <> t.typcollation), '')
    || case when a.attnotnull then ' not null' else '' end
    || case when a.attidentity <> '' then ' identity' else '' end
    || case when a.attgenerated <> '' then ' generated' when a.atthasdef then ' default' else '' end
from rel r join pg_attribute a on a.attrelid = r.oid
where r.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped

-- name: index
{mine}
select r.nspname || '.' || i.relname,
    r.relname || case when x.indisprimary then ' primary' when x.indisunique then ' unique' else '' end
    || ' ' || x.indnatts || case when x.indisvalid then '' else ' invalid' end
from rel r join pg_index x on x.indrelid = r.oid join pg_class i on i.oid = x.indexrelid

-- name: foreign key
{mine}
select r.nspname || '.' || r.relname || '.' || k.conname, f.relname
    || ' (' || (select string_agg(a.attname, ',' order by u.n) from unnest(k.conkey) with ordinality u(c, n)
         join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.c) || ')'
    || ' (' || (select string_agg(a.attname, ',' order by u.n) from unnest(k.confkey) with ordinality u(c, n)
         join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.c) || ') ' || k.confupdtype::text || k.confdeltype::text
from rel r join pg_constraint k on k.conrelid = r.oid join pg_class f on f.oid = k.confrelid
where k.contype = 'f'

-- name: check
{mine}
select r.nspname || '.' || r.relname || '.' || k.conname, case when k.convalidated then '' else 'not valid' end
from rel r join pg_constraint k on k.conrelid = r.oid where k.contype = 'c'

-- name: trigger
{mine}
select r.nspname || '.' || r.relname || '.' || t.tgname, t.tgenabled::text
from rel r join pg_trigger t on t.tgrelid = r.oid where not t.tgisinternal

-- name: view
{mine}
select r.nspname || '.' || r.relname, (select count(*)::text from pg_attribute a
    where a.attrelid = r.oid and a.attnum > 0) from rel r where r.relkind in ('v', 'm')

-- name: comment
{mine}
select r.nspname || '.' || r.relname || coalesce('.' || a.attname, ''), md5(d.description)
from rel r join pg_description d on d.classoid = 'pg_class'::regclass and d.objoid = r.oid
left join pg_attribute a on a.attrelid = r.oid and a.attnum = d.objsubid and d.objsubid > 0
where r.relkind in ('r', 'p')

-- name: sequence
{mine}
select nspname || '.' || relname, '' from rel where relkind = 'S'

-- name: routine
select n.nspname || '.' || p.proname, '' from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ferrybot')
  and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')

-- name: partition
select n.nspname || '.' || c.relname, p.relname from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_inherits i on i.inhrelid = c.oid join pg_class p on p.oid = i.inhparent
where c.relispartition and c.relkind in ('r', 'p') and n.nspname !~ '^pg_'
  and n.nspname not in ('information_schema', 'ferrybot')

-- name: collation
select n.nspname || '.' || l.collname, '' from pg_collation l join pg_namespace n on n.oid = l.collnamespace
where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ferrybot')

-- name: enum
select n.nspname || '.' || t.typname, (select string_agg(e.enumlabel, ',' order by e.enumsortorder)
    from pg_enum e where e.enumtypid = t.oid)
from pg_type t join pg_namespace n on n.oid = t.typnamespace
where t.typtype = 'e' and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ferrybot')
