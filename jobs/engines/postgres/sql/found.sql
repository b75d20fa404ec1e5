-- What the target was like before the run, where that cannot be seen any more: for undo and rollback.
create schema if not exists ferrybot;

create table ferrybot.found (
    one boolean primary key default true check (one),
    migration text not null,
    replaced boolean not null,            -- the target was not empty: what it held is in the restore point
    kept jsonb not null,                  -- extensions of the target that stay, since the source has them too
    public jsonb,                         -- owner, grants and comment of schema public; null where there was none
    schemas jsonb not null,               -- the same of each schema that housed an extension of the target
    extensions jsonb not null,            -- what extensions there were
    sequences jsonb not null,             -- data only: schema, name, last value, is called
    made_at timestamptz not null default clock_timestamp()
);

create table ferrybot.added (             -- rows that the run added to tables of extensions
    relation text not null,
    columns text not null,                -- what the hash is of
    hash text not null,
    before bigint not null,               -- how many such rows there were
    copies bigint not null                -- and how many came
);
