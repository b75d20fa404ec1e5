select system_identifier::text as value from pg_control_system()
