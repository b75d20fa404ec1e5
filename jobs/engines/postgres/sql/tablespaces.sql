select spcname::text as name from pg_tablespace order by 1
