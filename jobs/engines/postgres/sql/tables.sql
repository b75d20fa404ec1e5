select n.nspname::text as schema_name,
       c.relname::text as name,
       c.relkind::text as kind,
       c.relpersistence::text as persistence,
       pg_get_userbyid(c.relowner)::text as owner,
       c.relispartition as partition,
       pn.nspname::text as parent_schema,
       p.relname::text as parent_name,
       exists (select from pg_depend e where e.classid = 'pg_class'::regclass and e.objid = c.oid
               and e.deptype = 'e') as of_extension,
       -- Main files only: pg_table_size and pg_indexes_size ask for four of each relation. Their maps are a thousandth
       -- of a large table, and a copy of a small one has none.
       case when c.relkind = 'r' then coalesce(pg_relation_size(c.oid), 0)
            + coalesce(pg_relation_size(nullif(c.reltoastrelid, 0)), 0) else 0 end as table_bytes,
       case when c.relkind = 'r' then coalesce(x.bytes, 0) else 0 end as index_bytes,
       coalesce(x.largest, 0) as largest_index_bytes,
       case when c.relkind = 'p' then 0
            when c.reltuples > 0 then c.reltuples::bigint
            when c.relkind = 'r' and pg_relation_size(c.oid) = 0 then 0
            else coalesce(nullif(pg_stat_get_live_tuples(c.oid), 0), -1) end as rows,
       coalesce(x.has_primary, false) as has_primary_key,
       c.relrowsecurity as row_security,
       c.relforcerowsecurity as row_security_forced,
       pg_has_role(c.relowner, 'usage') as owns,
       has_table_privilege(c.oid, 'select') and has_schema_privilege(n.oid, 'usage') as readable,
       has_table_privilege(c.oid, 'insert') and has_table_privilege(c.oid, 'delete')
           and has_table_privilege(c.oid, 'truncate') and has_table_privilege(c.oid, 'select')
           and has_schema_privilege(n.oid, 'usage') as writable,
       exists (select from pg_trigger g where g.tgrelid = c.oid and not g.tgisinternal and g.tgenabled <> 'D')
           or exists (select from pg_rewrite w where w.ev_class = c.oid and w.rulename <> '_RETURN'
                      and w.ev_enabled <> 'D') as guarded
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_inherits i on i.inhrelid = c.oid and c.relispartition
left join pg_class p on p.oid = i.inhparent
left join pg_namespace pn on pn.oid = p.relnamespace
left join lateral (
    select sum(pg_relation_size(i.indexrelid))::bigint as bytes, max(pg_relation_size(i.indexrelid)) as largest,
           bool_or(i.indisprimary) as has_primary
    from pg_index i where i.indrelid = c.oid
) x on true
where c.relkind in ('r', 'p', 'f')
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'ferrybot')
order by n.nspname, c.relname
