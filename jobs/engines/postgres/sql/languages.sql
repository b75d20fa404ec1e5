select l.lanname::text as name, l.lanpltrusted as trusted, has_language_privilege(l.oid, 'usage') as usable,
       exists (select from pg_proc p join pg_namespace n on n.oid = p.pronamespace
               where p.prolang = l.oid and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
                 and not exists (select from pg_depend e where e.classid = 'pg_proc'::regclass and e.objid = p.oid
                                 and e.deptype in ('e', 'i'))) as used,
       exists (select from pg_depend d where d.classid = 'pg_language'::regclass and d.objid = l.oid
               and d.deptype = 'e') as of_extension,
       -- otherwise pg_dump names the language alone, which makes the extension of that name
       exists (select from pg_proc p join pg_namespace n on n.oid = p.pronamespace
               where p.oid = l.lanplcallfoid and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
                 and not exists (select from pg_depend e where e.classid = 'pg_proc'::regclass and e.objid = p.oid
                                 and e.deptype = 'e')) as with_handler
from pg_language l order by 1
