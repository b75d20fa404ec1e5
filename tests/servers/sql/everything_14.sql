-- What 14 brought.
create table app.since_14 (m int4multirange, own app.span_multirange, t text compression pglz) ; insert into app.since_14 values ('{[1,2),[5,7)}', '{[0,1)}', 'x'), ('{}', null, null);
create function app.atomic(n int) returns int language sql immutable begin atomic select n + 1; select n * (select count(*)::int from app.tree); end;
create procedure app.gives(in a int, out b int) language sql as 'select a';
create type app.other_range as range (subtype = int, multirange_type_name = app.many_ints);
create view app.uses_atomic as select app.atomic(id) from app.tree;
create statistics app.stat_expression on (a + 1), (lower(c::text)) from app.gone_columns;
create index cover on app.since_14 using spgist (t) include (m)
