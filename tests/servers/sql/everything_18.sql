-- What 18 brought.
create table app.since_18 (id int primary key, v int generated always as (id * 2) virtual, w int, constraint never check (w > 5) not enforced, constraint named not null w); insert into app.since_18 values (1, default, 1);
create table app.later (a int); insert into app.later values (null); alter table app.later add constraint later_not_null not null a not valid;
create table app.not_enforced (id int references app.since_18 not enforced); insert into app.not_enforced values (99);
create table app.during (id int4range, at daterange, primary key (id, at without overlaps)); insert into app.during values ('[1,2)', '[2024-01-01,2024-02-01)');
create table app.during_refers (id int4range, at daterange, foreign key (id, period at) references app.during (id, period at)); insert into app.during_refers values ('[1,2)', '[2024-01-05,2024-01-09)')
