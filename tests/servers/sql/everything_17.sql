-- What 17 brought.
create table app.since_17 (id int generated always as identity, k int) partition by list (k); create table app.since_17_1 partition of app.since_17 for values in (1); insert into app.since_17 (k) values (1), (1);
grant maintain on app.tree to {p}_read;
alter table app.tree alter parent set statistics default
