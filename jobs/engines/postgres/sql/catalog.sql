-- What the work list needs to know of the source. `{user}` chooses schemas of people, `{own}` leaves members of
-- extensions out.

-- name: tables
-- attgenerated exists since 12: a subquery that does not find it in the catalog finds that of `older`.
select c.oid::bigint, n.nspname::text, c.relname::text, c.relkind::text,
    case when c.relispartition then (select i.inhparent from pg_inherits i where i.inhrelid = c.oid) else 0 end::bigint,
    case when c.relkind = 'r' then pg_table_size(c.oid) else 0 end,
    case when c.relkind = 'r' then pg_relation_size(c.oid) / current_setting('block_size')::int else 0 end,
    max(c.reltuples)::bigint,
    coalesce(array_agg(a.attname::text order by a.attnum)
        filter (where a.attnum is not null and (select attgenerated from (select a.*) newer) = ''), '{}'),
    coalesce(array_agg(a.attname::text order by a.attnum) filter (where a.attnum is not null), '{}'),
    coalesce(array_agg(a.attname::text) filter (where a.atttypid in (700, 701)), '{}'),
    -- bool, bytea, "char", name, int8, int2, int4, oid, date, time, timestamp, timestamptz, uuid
    coalesce(array_agg(a.attname::text) filter (
        where a.atttypid in (16, 17, 18, 19, 20, 21, 23, 26, 1082, 1083, 1114, 1184, 2950)), '{}'),
    coalesce(array_agg(a.attname::text) filter (where a.atttypid in (25, 1043)), '{}'),
    -- char(n) of 16 letters and more (the length stands behind 4 bytes of header; see padding.LEAST_BLANKS); not the
    -- type bpchar, whose blanks nobody would fill up again
    coalesce(array_agg(a.attname::text) filter (where a.atttypid = 1042 and a.atttypmod >= 20), '{}')
from pg_class c join pg_namespace n on n.oid = c.relnamespace
left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
cross join (select ''::"char" as attgenerated) older
where c.relkind in ('r', 'p', 'f') and c.relpersistence <> 't' and {user} and {own}
-- pg_class has a primary key since 14 only.
group by c.oid, c.relname, c.relkind, c.relispartition, n.nspname order by c.oid

-- name: key bounds
-- Of integer primary keys, as ANALYZE saw them: where to cut a large table whose server has no TID range scans.
select c.oid::bigint, a.attname::text, s.histogram_bounds::text::bigint[]
from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
join pg_stats s on s.schemaname = n.nspname and s.tablename = c.relname and s.attname = a.attname and not s.inherited
where i.indisprimary and i.indnatts = 1 and a.atttypid in (20, 21, 23) and c.relkind = 'r'
    and s.histogram_bounds is not null and {user}

-- name: indexes
select c.oid::bigint, i.indrelid::bigint, pg_relation_size(c.oid), pg_get_indexdef(c.oid)
from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
where {user}

-- name: constraints
select k.oid::bigint, k.contype::text, k.conrelid::bigint, k.confrelid::bigint, k.conname::text, k.conindid::bigint,
    k.contype in ('p', 'u') and not k.condeferrable and c.relkind = 'r' and k.conislocal
        and coalesce(to_jsonb(k) ->> 'conperiod', 'false') = 'false',
    c.relkind = 'p',
    array(select a.attname::text from unnest(k.conkey) with ordinality u(n, o)
          join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.n order by u.o),
    array(select a.attname::text from unnest(k.confkey) with ordinality u(n, o)
          join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.n order by u.o),
    case when k.contype = 'f' and c.relkind = 'p' then pg_get_constraintdef(k.oid) else '' end
from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
where k.contype in ('p', 'u', 'x', 'f') and {user}

-- name: sequences
select c.oid::bigint, n.nspname::text, c.relname::text
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'S' and c.relpersistence <> 't' and {user} and {own} order by 2, 3

-- name: materialized views
-- Each with the materialized views that it reads, directly or through views.
with recursive reads(matview, relation) as (
    select c.oid, d.refobjid from pg_class c join pg_rewrite r on r.ev_class = c.oid
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
        and d.refclassid = 'pg_class'::regclass and d.refobjid <> c.oid
    where c.relkind = 'm'
    union
    select reads.matview, d.refobjid from reads join pg_class v on v.oid = reads.relation and v.relkind = 'v'
    join pg_rewrite r on r.ev_class = v.oid
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
        and d.refclassid = 'pg_class'::regclass and d.refobjid <> v.oid)
select c.oid::bigint, n.nspname::text, c.relname::text, c.relispopulated, pg_table_size(c.oid),
    array(select distinct m.oid::bigint from reads join pg_class m on m.oid = reads.relation and m.relkind = 'm'
          where reads.matview = c.oid)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'm' and {user} and {own} order by c.oid
