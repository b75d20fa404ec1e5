select table_name, table_type, engine, row_format, create_options,
    (select a.character_set_name from information_schema.collation_character_set_applicability a
     where a.collation_name = t.table_collation limit 1),
    table_collation, table_comment, table_rows, data_length, index_length, auto_increment
from information_schema.tables t
where table_schema = %s and table_type in ('BASE TABLE', 'SYSTEM VERSIONED')
    and table_name not in ('_ferrybot_run', '_ferrybot_task', '_ferrybot_need', '_ferrybot_made', '_ferrybot_found')
order by table_name
