select table_name, definer, security_type, check_option, character_set_client, collation_connection, view_definition
from information_schema.views
where table_schema = %s
order by table_name
