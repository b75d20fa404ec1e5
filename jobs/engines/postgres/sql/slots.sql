-- A slot that is lost keeps nothing any more; its column is younger than PostgreSQL 12.
select s.slot_name::text as name, s.active,
       pg_wal_lsn_diff(case when pg_is_in_recovery() then pg_last_wal_receive_lsn() else pg_current_wal_lsn() end,
                       s.restart_lsn)::bigint as retained_bytes,
       coalesce(to_jsonb(s) ->> 'wal_status', '') = 'lost' as lost
from pg_replication_slots s where not s.temporary order by 1
