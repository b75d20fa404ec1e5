-- What a move changes by nature, and what the census cannot compare: asked of the source.

-- name: invalid indexes
select n.nspname || '.' || x.relname
from pg_index i join pg_class x on x.oid = i.indexrelid join pg_namespace n on n.oid = x.relnamespace
join pg_class t on t.oid = i.indrelid
where not i.indisvalid and t.relkind in ('r', 'm') and x.relkind = 'i' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
order by 1

-- name: column options
select count(*) from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
where exists (select from unnest(a.attoptions) o where o like 'pg_attver=%')
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ferrybot')

-- name: not null
select count(*) from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
where a.attnotnull and a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'f')
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'

-- name: bodies
select (select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('v', 'm') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema')
     + (select count(*) from pg_rewrite r join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
        where r.rulename <> '_RETURN' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema')
     + (select count(*) from pg_policy)
     + (select count(*) from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and to_jsonb(p) ->> 'prosqlbody' is not null)
