select l.lanname::text as name, l.lanpltrusted as trusted, has_language_privilege(l.oid, 'usage') as usable,
       exists (select from pg_depend d where d.classid = 'pg_language'::regclass and d.objid = l.oid
               and d.deptype = 'e') as of_extension
from pg_language l order by 1
