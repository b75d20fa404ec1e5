-- What this server's build can compress values with; nothing before 14, which has no choice.
select unnest(enumvals) as value from pg_settings where name = 'default_toast_compression'
