select table_name, column_name, ordinal_position, data_type, column_type, is_nullable, column_default,
    character_set_name, collation_name, character_maximum_length, character_octet_length, numeric_precision,
    numeric_scale, datetime_precision, column_comment, extra, generation_expression
from information_schema.columns
where table_schema = %s
order by table_name, ordinal_position
