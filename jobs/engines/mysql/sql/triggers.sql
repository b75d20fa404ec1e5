select trigger_name, event_object_table, event_manipulation, action_timing, action_order, definer, sql_mode,
    character_set_client, collation_connection, database_collation, action_statement
from information_schema.triggers
where trigger_schema = %s
order by event_object_table, event_manipulation, action_timing, action_order
