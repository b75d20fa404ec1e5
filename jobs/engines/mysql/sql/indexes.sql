select s.table_name, s.index_name, not s.non_unique, s.index_type, s.column_name, {expression}, s.sub_part, s.collation,
    s.index_comment, {ignored}
from information_schema.statistics s
where s.table_schema = %s
order by s.table_name, s.index_name, s.seq_in_index
