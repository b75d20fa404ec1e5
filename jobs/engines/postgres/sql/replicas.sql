-- State and positions of other roles' sessions are null without pg_monitor.
select r.application_name as name, r.state,
       pg_wal_lsn_diff(case when pg_is_in_recovery() then pg_last_wal_receive_lsn() else pg_current_wal_lsn() end,
                       r.replay_lsn)::bigint as lag_bytes
from pg_stat_replication r order by 1
