-- The ledger of one run, in the target database itself: what a task changed and its mark "done" commit together.
-- Texts are SQL of the schema, never rows of a table. What says words of ours is json, which keeps a letter that the
-- database's encoding does not have (jsonb and text refuse it).
create schema if not exists ferrybot;  -- it may hold what the target was like before (found.sql)

create table ferrybot.run (
    one boolean primary key default true check (one),
    migration text not null,
    digest text not null,
    epoch integer not null,               -- counts conductors; a lane of an older epoch cannot commit
    snapshot text not null,               -- exported by the conductor of this epoch in the source
    server_pid integer not null,          -- the conductor's backend in the target
    host text not null,
    pid integer not null,
    replica_role boolean not null,        -- session_replication_role may be set here
    tool text not null,
    definitions jsonb not null,           -- hash of every definition of the source at the first epoch
    left_out jsonb not null,              -- [catalog, oid] of source objects that do not travel
    unchecked jsonb not null,             -- sentences: what nobody compares
    made_at timestamptz not null default clock_timestamp(),
    resumed_at timestamptz,
    written jsonb                         -- how the source stood when the snapshot was taken, see written.py
);

create table ferrybot.task (
    id integer primary key,
    kind text not null,
    phase smallint not null,              -- order of phases, see worktable.PHASES
    title text not null,
    size bigint not null default 0,       -- estimated bytes on disk: the largest first
    tables integer not null default 0,    -- how many tables a copy task moves
    payload jsonb not null default '{}',
    needs integer[] not null default '{}',
    barrier smallint not null default 0,  -- every task of a phase below must be done
    done_at timestamptz,
    epoch integer,                        -- the epoch under which it was last done
    rows bigint not null default 0,
    bytes bigint not null default 0,
    seconds double precision not null default 0,
    result json,
    attempts integer not null default 0,
    error json not null default '""',
    fatal boolean not null default false
);

create index task_open on ferrybot.task (phase, size desc, id) where done_at is null;
