-- PostgreSQL 15 and newer; older ones keep no version for a database.
select coalesce(pg_database_collation_actual_version(oid), '') as value
from pg_database where datname = current_database()
