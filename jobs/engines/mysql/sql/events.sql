select event_name, definer, status, time_zone, sql_mode, character_set_client, collation_connection,
    database_collation, event_comment
from information_schema.events
where event_schema = %s
order by event_name
