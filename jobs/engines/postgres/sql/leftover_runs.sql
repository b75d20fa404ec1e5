select coalesce(to_jsonb(r) ->> 'migration', '') as migration from ferrybot.run r order by 1
