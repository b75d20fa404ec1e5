-- Functions that indexes, generated columns, checks, partition keys, domains and materialized views need, which set no
-- search_path of their own and whose text names something without its schema. While a schema is restored the path is
-- empty. As far as text tells: strings and comments are taken out, a name counts where a function, a relation or a
-- type can stand. Names that pg_catalog has too are found there.
with spaces as (
    select oid, nspname::text from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'
), users as (
    select d.classid, d.objid, d.objsubid, d.refobjid as function
    from pg_depend d where d.refclassid = 'pg_proc'::regclass and d.deptype in ('n', 'a')
      and d.classid in ('pg_class'::regclass, 'pg_attrdef'::regclass, 'pg_constraint'::regclass)
), stored as (
    select u.function, n.nspname::text as used_schema, coalesce(t.relname, c.relname)::text as used_table,
           case when c.relkind in ('i', 'I') then 'index ' || c.relname else 'partition key of ' || c.relname end as used_by
    from users u join pg_class c on u.classid = 'pg_class'::regclass and c.oid = u.objid
    join pg_namespace n on n.oid = c.relnamespace
    left join pg_index x on x.indexrelid = c.oid left join pg_class t on t.oid = x.indrelid
    where c.relkind in ('i', 'I', 'p')
    union all
    select u.function, n.nspname, c.relname, 'generated column ' || a.attname
    from users u join pg_attrdef f on u.classid = 'pg_attrdef'::regclass and f.oid = u.objid
    join pg_attribute a on a.attrelid = f.adrelid and a.attnum = f.adnum
    join pg_class c on c.oid = f.adrelid join pg_namespace n on n.oid = c.relnamespace
    where coalesce(to_jsonb(a) ->> 'attgenerated', '') <> ''
    union all
    select u.function, n.nspname, coalesce(c.relname, ''),
           case when c.oid is null then 'domain ' || t.typname else 'constraint ' || k.conname end
    from users u join pg_constraint k on u.classid = 'pg_constraint'::regclass and k.oid = u.objid
    join pg_namespace n on n.oid = k.connamespace
    left join pg_class c on c.oid = k.conrelid left join pg_type t on t.oid = k.contypid
    where k.contype in ('c', 'x')
    union all
    select d.refobjid, n.nspname, '', 'materialized view ' || c.relname
    from pg_depend d join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
    join pg_class c on c.oid = r.ev_class and c.relkind = 'm' join pg_namespace n on n.oid = c.relnamespace
    where d.refclassid = 'pg_proc'::regclass and d.deptype = 'n'
), texts as (
    select distinct p.oid, n.nspname as schema_name,
           p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' as name,
           regexp_replace(p.prosrc, '--[^\n]*|/\*.*?\*/|''(''''|[^''])*''', ' ', 'g') as body
    from pg_proc p join spaces n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
    where p.oid in (select function from stored)
      and l.lanname not in ('c', 'internal') and to_jsonb(p) ->> 'prosqlbody' is null
      and not exists (select from unnest(p.proconfig) c(setting) where c.setting like 'search_path=%')
      and not exists (select from pg_depend e where e.classid = 'pg_proc'::regclass and e.objid = p.oid
                      and e.deptype = 'e')
), words as (
    select p.proname::text as word, n.nspname as word_schema, '\s*\(' as after, '' as before
    from pg_proc p join spaces n on n.oid = p.pronamespace
    where not exists (select from pg_proc o where o.proname = p.proname and o.pronamespace = 'pg_catalog'::regnamespace)
    union
    select c.relname, n.nspname, '\M', '(from|join|into|update|only|,)\s*'
    from pg_class c join spaces n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'f', 'v', 'm')
      and not exists (select from pg_class o where o.relname = c.relname and o.relnamespace = 'pg_catalog'::regnamespace)
    union
    select t.typname, n.nspname, '\M', '(::|\mas)\s*'
    from pg_type t join spaces n on n.oid = t.typnamespace
    where t.typtype in ('d', 'e', 'r', 'b') and t.typelem = 0
      and not exists (select from pg_type o where o.typname = t.typname and o.typnamespace = 'pg_catalog'::regnamespace)
)
select x.schema_name, x.name, min(s.used_schema) as used_schema, min(s.used_table) as used_table,
       min(s.used_by) as used_by, w.word, min(w.word_schema) as word_schema
from texts x join stored s on s.function = x.oid
join words w on w.word ~ '^[a-z_][a-z0-9_]*$'
     and x.body ~* (case when w.before = '' then '(^|[^.[:alnum:]_"$])' else w.before end || '"?' || w.word || '"?' || w.after)
group by 1, 2, 6
order by 1, 2, 6
