-- Values at the edges of their types.
create type mood as enum ('sad', 'it''s', 'a,b', '');
create domain happy as mood check (value <> 'sad');
create type pair as (a int, b text);
create type span as range (subtype = float8);
create domain pairs as pair[];
create table edges (id int, f4 real, f8 double precision, n numeric, d date, ts timestamp, tz timestamptz, i interval,
  t text, c char(5), b bytea, bits varbit, u uuid, j json, jb jsonb, a int[], aa text[][], p pair, ps pairs,
  r int4range, s span, m mood, h happy, net inet, mac macaddr, pt point, mon money, ts_ tsvector, q tsquery);

insert into edges (id, f4, f8, n) values (1, 'NaN', 'NaN', 'NaN'), (2, 'infinity', '-infinity', 'infinity'),
  (3, '-0', '-0', 0.0000), (4, 1.17549435e-38, 5e-324, ('1' || repeat('0', 131071))::numeric),
  (5, 3.4028235e38, 1.7976931348623157e308, ('0.' || repeat('7', 16383))::numeric), (6, 0.1, 0.1, 1.00), (6, 0.1, 0.1, 1.0);
insert into edges (id, d, ts, tz, i) values (10, 'infinity', '-infinity', 'infinity', '1 mon -1 day 00:00:00.000001'),
  (11, '-infinity', '4713-01-01 BC', '294276-12-31 23:59:59.999999+00', '-178000000 years'), (12, '5874897-12-31', null, '1900-01-01', '0');
insert into edges (id, t, c, b, bits) values (20, '', '', '', ''), (21, null, null, null, null), (22, '\.', 'a', '\x005c2e0a', '1'),
  (23, E'line\nline\r\ttab\\N\\', ' x ', '\xffff', '101'), (24, '\N', 'NULL', 'NULL', null), (25, repeat('ä漢😀', 30000), 'é', null, null);
insert into edges (id, j, jb, a, aa, p, ps, r, s, m, h) values
  (30, '{"a": 1, "a" : 2}', '{"a":1}', '{}', '{{"",null},{"NULL","a\"b"}}', '(,)', array['(1,"x,y")'::pair, null], 'empty', '[0,NaN]', '', ''),
  (31, 'null', 'null', '{null,1}', '[0:0][2:3]={{a,b}}', '(1,"")', '{}', '(,5)', '(,)', 'it''s', 'a,b'), (32, null, null, null, null, null, null, null, null, null, null);
insert into edges (id, u, net, mac, pt, mon, ts_, q) values (40, '00000000-0000-0000-0000-000000000000', '::1/64', '08:00:2b:01:02:03', '(1e-300,-0)', -12.34, '''a b'':1A ''c'':2', '!a & (b | c:*)');
create table wide (t text); insert into wide select repeat(chr(1 + i % 120), 1000000) from generate_series(1, 12) i;
