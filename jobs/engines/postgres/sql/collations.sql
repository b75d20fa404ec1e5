select n.nspname::text as schema_name, l.collname::text as name, l.collprovider::text as provider,
       coalesce(to_jsonb(l) ->> 'colllocale', to_jsonb(l) ->> 'colliculocale', l.collcollate::text, '') as locale
from pg_collation l join pg_namespace n on n.oid = l.collnamespace
join pg_database d on d.datname = current_database()
where l.collencoding in (-1, d.encoding)
order by 1, 2, 3
