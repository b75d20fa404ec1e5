select to_regnamespace('ferrybot') is not null as present, to_regclass('ferrybot.run') is not null as run
