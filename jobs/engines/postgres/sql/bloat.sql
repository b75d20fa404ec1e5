-- How large a table's main file would be without dead and empty space: rows times their average width, 24 bytes of
-- row header, 4 of pointer, and some 4 of padding a row, on pages of 8,168 usable bytes, filled as far as asked.
-- Only tables of which statistics can be seen.
with widths as (
    select n.oid as space, s.tablename, sum(s.avg_width * (1 - s.null_frac)) as width
    from pg_stats s join pg_namespace n on n.nspname = s.schemaname where not s.inherited
    group by 1, 2
), sized as (
    select n.nspname::text as schema_name, c.relname::text as name, c.relpages::bigint * 8192 as bytes,
           (ceil(c.reltuples * (w.width + 32) / (8168 * coalesce((
                select split_part(o, '=', 2)::float8 from unnest(c.reloptions) o where o like 'fillfactor=%'), 100)
                / 100)) * 8192)::bigint as needed
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    join widths w on w.space = n.oid and w.tablename = c.relname
    where c.relkind = 'r' and c.reltuples >= 0
      and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ferrybot')
)
select schema_name, name, bytes, greatest(0, bytes - needed) as wasted from sized order by 1, 2
