select routine_name, routine_type, definer, security_type, sql_mode, character_set_client, collation_connection,
    database_collation, routine_comment
from information_schema.routines
where routine_schema = %s
order by routine_type, routine_name
