select t.table_name, t.constraint_name, c.check_clause, {enforced}, {check_level}
from information_schema.table_constraints t
join information_schema.check_constraints c
    on c.constraint_schema = t.constraint_schema and c.constraint_name = t.constraint_name {check_table}
where t.table_schema = %s and t.constraint_type = 'CHECK'
order by t.table_name, t.constraint_name
