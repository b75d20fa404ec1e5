-- What 15 brought.
create table app.since_15 (a int, b int, c int, unique nulls not distinct (a, b)); insert into app.since_15 values (1, null, 1); create unique index on app.since_15 (c) nulls not distinct;
create table app.set_null (id int primary key, a int, b int, foreign key (a) references app.tree (id) on delete set null (a), foreign key (b) references app.tree on delete set default (b)); insert into app.set_null values (1, 1, 2);
create view app.invoker with (security_invoker = true) as select id from app.tree;
create publication pub_schema for tables in schema app; create publication pub_filter for table app.people (id, name) , app.tree where (id > 1)
