-- The ledger of one run, in the target database itself: rows and the mark "done" of their task commit together.
-- Texts are SQL of the schema, never rows of a table. Statements are parted by a line of `;` alone.
create table if not exists _ferrybot_run (
    one tinyint not null primary key,
    migration varchar(32) not null,
    digest varchar(64) not null,
    epoch int not null,                    -- counts conductors; a lane of an older epoch cannot commit
    conductor bigint unsigned not null,    -- its session in the target
    host varchar(255) not null,
    pid int not null,
    fingerprint longtext not null,         -- JSON: hash of every definition of the source at the first epoch
    found longtext not null,               -- JSON: what the target held before, and its character set
    unchecked longtext not null,           -- JSON: sentences, what nobody compares
    made_at timestamp(6) not null default current_timestamp(6)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin row_format = dynamic
;
create table if not exists _ferrybot_task (
    id int not null primary key,
    kind varchar(32) not null,
    phase smallint not null,               -- order of phases, see worktable.PHASES
    title text not null,
    size bigint not null default 0,        -- estimated bytes on disk
    largest bigint not null default 0,     -- minus the bytes that decide who begins first
    tables int not null default 0,         -- how many tables a copy task moves
    payload longtext not null,
    barrier smallint not null default 0,   -- every task of a phase below must be done
    done tinyint not null default 0,
    done_at timestamp(6) null,             -- missing in a run that an earlier version began, until it is resumed
    epoch int,                             -- the epoch under which it was last done
    `rows` bigint not null default 0,
    bytes bigint not null default 0,
    seconds double not null default 0,
    result longtext,
    attempts int not null default 0,
    error text not null,
    fatal tinyint not null default 0,
    key open_tasks (done, phase, largest, id)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin row_format = dynamic
;
create table if not exists _ferrybot_need (
    task int not null,
    needs int not null,
    primary key (task, needs)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin row_format = dynamic
;
create table if not exists _ferrybot_made (
    kind varchar(32) not null,
    name varchar(128) not null,
    primary key (kind, name)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin row_format = dynamic
