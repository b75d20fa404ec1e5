-- Of a server in recovery: what cancels long reads there, and how far it is behind. A receiver's row is there for
-- everybody, its columns only for pg_monitor; sender_host came with PostgreSQL 11.
select current_setting('hot_standby_feedback') = 'on' as feedback,
       (select setting::bigint from pg_settings where name = 'max_standby_streaming_delay') as delay_ms,
       coalesce((select to_jsonb(w) ->> 'sender_host' from pg_stat_wal_receiver w limit 1), '') as upstream,
       exists (select from pg_stat_wal_receiver) as receiving,
       pg_is_wal_replay_paused() as paused,
       case when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0
            else extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()) end::float8 as lag_seconds
where pg_is_in_recovery()
