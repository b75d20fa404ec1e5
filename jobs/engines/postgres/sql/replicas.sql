-- State and positions of other roles' sessions are null without pg_monitor. A standby replays what it gets; a
-- subscriber (whose slot is logical) and a receiver of files (which replays nothing) cannot become a primary.
select coalesce(nullif(r.application_name, ''), host(r.client_addr), 'a replica') as name, r.state,
       pg_wal_lsn_diff(case when pg_is_in_recovery() then pg_last_wal_receive_lsn() else pg_current_wal_lsn() end,
                       r.replay_lsn)::bigint as lag_bytes,
       r.replay_lsn is not null
           and not exists (select from pg_replication_slots s where s.active_pid = r.pid and s.slot_type = 'logical')
           as standby
from pg_stat_replication r order by 1
