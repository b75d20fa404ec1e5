select w.fdwname::text as name, has_foreign_data_wrapper_privilege(w.oid, 'usage') as usable,
       array(select r.rolname::text from pg_roles r where has_foreign_data_wrapper_privilege(r.oid, w.oid, 'usage'))
           as users,
       exists (select from pg_depend d where d.classid = 'pg_foreign_data_wrapper'::regclass and d.objid = w.oid
               and d.deptype = 'e') as of_extension
from pg_foreign_data_wrapper w order by 1
