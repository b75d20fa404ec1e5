-- Keys of partitions that stand for one of their partitioned table (see parted_keys.py).

-- name: leaves
-- Each partition with rows, and its own key of the given name, if there is one.
with recursive tree(oid) as (
    select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = %s and c.relname = %s and c.relkind = 'p'
    union all
    select i.inhrelid from pg_inherits i join tree on i.inhparent = tree.oid)
select n.nspname::text, c.relname::text, coalesce(k.conname::text, ''),
    regexp_replace(coalesce(pg_get_constraintdef(k.oid), ''), ' NOT VALID$', ''), coalesce(k.convalidated, false)
from tree join pg_class c on c.oid = tree.oid join pg_namespace n on n.oid = c.relnamespace
left join pg_constraint k on k.conrelid = c.oid and k.contype = 'f' and k.conname = %s
    and coalesce((to_jsonb(k) ->> 'conparentid')::bigint, 0) = 0
where c.relkind = 'r' order by 1, 2

-- name: whole
select from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
where n.nspname = %s and c.relname = %s and k.conname = %s and c.relkind = 'p' and k.contype = 'f'

-- name: partitioned
select n.nspname::text, c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'p' order by 1, 2
