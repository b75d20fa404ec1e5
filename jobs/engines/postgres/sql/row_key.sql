-- The columns by which a person names a row of a table: its primary key, else its smallest unique key without NULLs.
-- The number of key columns (without INCLUDE) is a column of its own from 11 on.
select array(select a.attname::text from unnest(i.indkey::int2[]) with ordinality u(number, place)
             join pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.number
             where u.place <= k.columns order by u.place)
from pg_index i
cross join lateral (select coalesce((to_jsonb(i) ->> 'indnkeyatts')::int, i.indnatts) as columns) k
where i.indrelid = %s::regclass and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
  and not exists (select from unnest(i.indkey::int2[]) with ordinality u(number, place)
                  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.number
                  where u.place <= k.columns and not a.attnotnull)
order by i.indisprimary desc, k.columns, i.indexrelid limit 1
