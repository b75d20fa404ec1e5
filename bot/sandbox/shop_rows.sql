-- A web shop, part 2 of 3: rows. The same for the same `shop.scale`, on every version: no random(), no now().

set local synchronous_commit = off;
set local work_mem = '64MB';
set local jit = off;  -- Debian's servers have it, the wheels' do not: the same work on both

-- `rows(n)`: how many of what are n at scale 1. `pick(n, salt, m)`: a number below m that looks like chance.
create function pg_temp.rows(n integer) returns integer language sql stable
  return greatest(10, ceil(n * current_setting('shop.scale')::numeric)::integer);
create function pg_temp.pick(n bigint, salt integer, m integer) returns integer language sql immutable
  return ((n * 1103515245 + salt * 987654321::bigint) % 2147483647 % m)::integer;
create function pg_temp.word(words text[], n bigint, salt integer) returns text language sql immutable
  return words[1 + pg_temp.pick(n, salt, cardinality(words))];
create function pg_temp.price(product integer) returns numeric language sql immutable
  return 4.90 + pg_temp.pick(product, 7, 2000) / 10.0;
create function pg_temp.moment(n bigint, salt integer) returns timestamptz language sql immutable
  return timestamptz '2023-07-01 00:00+00' + pg_temp.pick(n, salt, 94608000) * interval '1 second';
create function pg_temp.key(kind text, n bigint) returns uuid language sql immutable
  return md5(kind || n)::uuid;
create function pg_temp.product_of(k bigint, line integer, products integer) returns integer language sql immutable
  return 1 + pg_temp.pick(k * 8 + line, 11, products);
create function pg_temp.quantity_of(k bigint, line integer) returns integer language sql immutable
  return 1 + pg_temp.pick(k + line, 13, 4);

create temporary table words on commit drop as select
  pg_temp.rows(5000) as products, pg_temp.rows(60000) as customers,
  array['Ada','Bruno','Chiara','Dmitri','Elif','Femke','Goran','Hanna','Ines','Jonas','Katarzyna','Lior','Mei',
        'Noor','Óscar','Priya','Quentin','Rosa','Søren','Thandi','Uwe','Vera','Wanjiru','Yuki','Zoë'] as first,
  array['Almeida','Becker','Chen','Dubois','Eriksson','Ferrari','García','Haddad','Ivanova','Jensen','Kowalski',
        'Lindqvist','Müller','Nakamura','O''Brien','Petrov','Quiroga','Rossi','Schäfer','Tanaka','Ünal','van Dijk',
        'Weiß','Yılmaz','Žižek'] as last,
  array['Berlin','Hamburg','Lyon','Porto','Kraków','København','London','Toronto','Boston','Osaka'] as city,
  array['DE','DE','FR','PT','PL','DK','GB','CA','US','JP'] as country,
  array['EU','EU','EU','EU','EU','EU','UK','NA','NA','AP'] as region,
  array['Hafenstraße','Rue des Lilas','Mill Lane','Lindenallee','Market Street','Rua Augusta'] as street,
  array['Oak','Copper','Nordic','Folding','Enamel','Linen','Cork','Walnut','Merino','Stoneware'] as material,
  array['Kettle','Lamp','Chair','Blanket','Bowl','Bookshelf','Backpack','Umbrella','Teapot','Clock'] as thing,
  array['Classic','Mini','XL','Travel','Studio','No. 5','“Fjord”','Duo'] as variant;

---------------------------------------------------------------- catalog

insert into catalog.category (parent_id, name, path)
  select case when n > 5 then 1 + n % 5 end,
         (array['Kitchen','Living','Garden','Travel','Office'])[1 + n % 5]
           || case when n > 5 then ' ' || n else '' end,
         array['shop', 'level ' || (n > 5)::integer]
  from generate_series(1, 25) n;

insert into catalog.product (sku, name, category_id, price, cost, availability, attributes, dimensions, weights,
                             picture, released, warranty, description, updated_at)
  select 'FB-' || lpad(n::text, 6, '0'),
         concat_ws(' ', pg_temp.word(w.material, n, 1), pg_temp.word(w.thing, n, 2), pg_temp.word(w.variant, n, 3)),
         1 + n % 25, pg_temp.price(n), round(pg_temp.price(n) * 0.6, 2),
         (enum_range(null::catalog.availability))[1 + pg_temp.pick(n, 4, 3)],
         jsonb_build_object('colour', pg_temp.word(array['red','sand','black'], n, 5), 'rank', n % 7,
                            'new', n % 9 = 0),
         array[n % 90 / 3.0, n % 40, 0.1]::double precision[],
         catalog.weight_range((n % 10) / 4.0, (n % 10) / 4.0 + 1),
         decode(md5(n::text) || md5((-n)::text), 'hex'),
         date '2015-01-01' + n % 4000, case when n % 3 > 0 then make_interval(years => n % 3, days => n % 30) end,
         case when n % 4 > 0 then 'Made by hand in ' || pg_temp.word(w.city, n, 6) || E'.\nWash cold.' end,
         pg_temp.moment(n, 8)
  from generate_series(1, pg_temp.rows(5000)) n, words w;

insert into catalog.price
  select id, daterange(date '2024-01-01' + 366 * part, case when part = 0 then date '2025-01-01' end),
         price * (1 + part / 10.0)
  from catalog.product, generate_series(0, 1) part;

insert into catalog.stock
  select id, place, pg_temp.pick(id, 9, 500), id % 3
  from catalog.product, unnest(array['BER', 'LYS', 'YYZ']) place;

---------------------------------------------------------------- crm

insert into crm.customer (number, email, full_name, company, born, billing, preferences, tags, credit, referred_by,
                          created_at, updated_at)
  select pg_temp.key('customer', n), 'customer' || n || '@example.' || (array['com','org','net'])[1 + n % 3],
         pg_temp.word(w.first, n, 1) || ' ' || pg_temp.word(w.last, n, 2),
         case when n % 6 = 0 then pg_temp.word(w.last, n, 3) || ' & Co.' end,
         case when n % 5 > 0 then date '1940-01-01' + pg_temp.pick(n, 4, 24000) end,
         row(pg_temp.word(w.street, n, 5) || ' ' || n % 200, lpad((n % 99999)::text, 5, '0'), w.city[1 + n % 10],
             w.country[1 + n % 10])::crm.postal_address,
         jsonb_build_object('newsletter', n % 2 = 0, 'language', lower(w.country[1 + n % 10])),
         (array['vip', 'b2b', 'früh'])[1 : n % 4], pg_temp.pick(n, 6, 100000) / 100.0,
         case when n % 8 = 7 then n / 2 end, moment, moment + interval '3 hours'
  from generate_series(1, pg_temp.rows(60000)) n, words w, lateral pg_temp.moment(n, 10) moment;

insert into crm.address (customer_id, kind, street, postcode, city, country, location)
  select id, kind, (billing).street, (billing).postcode, (billing).city, (billing).country,
         point(id % 360 - 180, id % 180 - 90)
  from crm.customer, unnest(array['home', 'work']) kind where kind = 'home' or id % 4 = 0
  order by id, kind;
-- The first addresses are of the first customers: every customer has one, every fourth two.
update crm.customer set default_address_id = 1000 + 7 * (id - 1 + (id - 1) / 4);

insert into crm."user" ("Login", "select", "group", last_seen)
  select lower(t.first), n % 2 = 0, array[t.first, null, '{}', 'a,b', '"'], ('10.1.0.' || n)::inet
  from words, unnest(words.first) with ordinality as t (first, n);
insert into crm.api_token (owner, token_hash)
  select (array['shop_app', 'postgres'])[1 + n % 2], decode(md5(n::text), 'hex') from generate_series(1, 20) n;

---------------------------------------------------------------- sales

-- "offset 0" keeps the planner from computing customer and moment again at each use.
insert into sales."order"
  select 100000 + 3 * (k - 1), moment, w.region[1 + customer % 10], customer,
         (enum_range(null::sales.order_status))[1 + pg_temp.pick(k, 14, 7)], sum.total,
         case when k % 10 = 0 then 5.50 end,
         row(pg_temp.word(w.street, customer, 5) || ' ' || customer % 200, null, w.city[1 + customer % 10],
             w.country[1 + customer % 10])::crm.postal_address,
         case when k % 3 > 0 then tstzrange(moment + interval '2 days', moment + interval '3 days') end,
         case when k % 2 = 0 then jsonb_build_object('via', 'app', 'k', k) end, moment
  from generate_series(1::bigint, pg_temp.rows(110000)) k, words w,
       lateral (select 1 + pg_temp.pick(k, 15, w.customers), pg_temp.moment(k, 16) offset 0) as d (customer, moment),
       lateral (select sum(pg_temp.quantity_of(k, line) * pg_temp.price(pg_temp.product_of(k, line, w.products)))
                from generate_series(1, 1 + (k % 5)::integer) line) as sum (total);
select setval('sales.order_number', (select max(id) from sales."order"));

insert into sales.order_line (order_id, ordered_at, region, line_no, product_id, quantity, unit_price)
  select o.id, o.ordered_at, o.region, line, product, pg_temp.quantity_of(k, line), pg_temp.price(product)
  from sales."order" o, lateral (select (o.id - 100000) / 3 + 1 offset 0) as d (k),
       words w, generate_series(1, 1 + (k % 5)::integer) line,
       lateral (select pg_temp.product_of(k, line, w.products) offset 0) as p (product);

insert into sales.payment
  select pg_temp.key('payment', id), id, ordered_at, region, (array['card', 'invoice', 'wallet'])[1 + id % 3], total,
         ordered_at + interval '90 minutes', json_build_object('reference', md5(id::text), 'try', 1 + id % 2)
  from sales."order" where status not in ('new', 'cancelled');

insert into sales.delivery_slot (van, slot, driver)
  select van, tsrange(start, start + interval '2 hours'), pg_temp.word(w.first, van, 17)
  from words w, generate_series(1, 20) van,
       generate_series(timestamp '2026-06-01 08:00', timestamp '2026-06-20', interval '2 hours') start;

insert into sales.coupon values
  ('WELCOME', 10, '08:00+02', '{[1,100),[200,300)}'), ('ÉTÉ', 12.5, '24:00:00+00', '{}'),
  ('B"2\B''', 0.1, null, null);
insert into crm."Order Notes" ("order id", "Written By", "Text")
  select 100000 + 3 * n, pg_temp.word(w.first, n, 18), E'Call first.\tThen\\ring "twice"\r\nat door №' || n
  from generate_series(1, pg_temp.rows(2000)) n, words w;

---------------------------------------------------------------- audit

insert into audit.event
  select n, kind, pg_temp.moment(n, 19), 'user ' || n % 50, ('10.0.' || n % 256 || '.1')::inet,
         jsonb_build_object('n', n, 'ok', n % 17 > 0)
  from generate_series(1, pg_temp.rows(100000)) n,
       lateral (select (array['login', 'order', 'payment', 'export', 'Zoll–Prüfung'])[1 + n % 5]) as k (kind);

insert into audit.click
  select '/p/' || n % 40, timestamptz '2026-01-01' + n % 3000 * interval '1 second', n % 7
  from generate_series(1, pg_temp.rows(300000)) n;

insert into audit.price_change (product_id, before, after, changed_at)
  select id, '{"amount": 1}', jsonb_build_object('amount', price), updated_at from catalog.product where id % 10 = 0;

insert into audit."<!channel> it's ""quoted"" – Ünï 漢字 \ &amp; *" values
  (1, '<!channel>', 'a\.b', '<https://example.com|click>'), (2, '', null, '`code` *bold*'),
  (3, '🚢', E'\x01', default);

insert into audit.edge_value (id, label) values (1, 'all null');
insert into audit.edge_value values
  (2, 'least', -32768, -9223372036854775808, '-Infinity', '-Infinity', '-Infinity', '', '', '', false, '-infinity',
   '-infinity', '-infinity', '00:00', '00:00-15:59', '-178000000 years', '{}', '{}', '{}', '{}',
   row('', '', '', 'DE'), '{}', 'new', '0.0.0.0/0', '0.0.0.0/0', '00:00:00:00:00:00', '', '(-Infinity,NaN)', '((0,0))',
   'empty', '{}', '', '', '', '0/0', '00000000-0000-0000-0000-000000000000'),
  (3, 'most', 32767, 9223372036854775807, repeat('9', 500)::numeric / 7, 3.4028235e38, 1.7976931348623157e308,
   repeat('long ', 40000), 'é     ', '\x00ff0a0d5c2e00', true, '5874897-12-31', '294276-12-31 23:59:59.999999+00',
   '294276-12-31 23:59:59.999999', '24:00', '24:00+15:59', '178000000 years 11 mons -31 days 23:59:59.999999',
   '{"a" : 1, "a":2,  "z":"\u00e9"}', '{"n": 12345678901234567890.123456789, "q": "\\ \" \t"}',
   '[0:1][-1:0]={{1,2},{3,null}}', array['NULL', null, '', '{', '"', E'\\', ','], row(null, null, null, null),
   array[row('a,b', '"', '(x)', 'FR')::crm.postal_address, null], 'cancelled', 'fe80::1/64', '2001:db8::/32',
   'ff:ff:ff:ff:ff:ff', B'10101010101010101010', '(1e-300,1e300)', '((0,0),(1,1),(1,0))', '[1,)', '{[1,3),[5,9)}',
   'a:1A ''it''''s'':2', 'a & !b <-> c', 'x', 'FFFFFFFF/FFFFFFFF', 'ffffffff-ffff-ffff-ffff-ffffffffffff'),
  (4, 'not a number', 0, 0, 'NaN', 'NaN', 'NaN', '\.', '\.', '\x5c2e', null, '4713-01-01 BC',
   '4713-01-01 00:00+00 BC', '0044-03-15 12:00 BC', '12:34:56.789012', '12:00+05:30',
   '1 mon -1 day 00:00:00.000001', 'null', 'null',
   null, null, null, null, null, '::ffff:1.2.3.4', null, null, null, '(NaN,NaN)', null, '(,)', '{(,)}',
   null, null, '\', null, null);
insert into audit.edge_value (id, label, twice, single, exact, words) values
  (5, 'tiny and minus zero', 5e-324, '-0', 0.000,
   E'tab\there, line\nbreak, return\rhere, back\\slash, \\N, \\.\n\\.\n'),
  (6, 'seventeen digits', 0.1::double precision + 0.2, 1e-45, 1e-200, E'\\N'),
  (7, 'words that look like others', '-0', 0.1, 100.00, 'NULL'),
  (8, 'Unicode', 0, 0, 0, E'e\u0301 é \u200b🇩🇪 👩‍🚀 \uFEFF‮ \x7f'),
  (9, 'spaces', 1, 1, 1, '  both ends  ');

---------------------------------------------------------------- public

insert into public.setting values
  ('currency', '"EUR"'), ('features', '["search", "wishlist"]'), ('limits', '{"cart": 99}');
insert into public.nothing default values;
insert into public.nothing default values;
select nextval('public.legacy_ticket'), nextval('public.legacy_ticket');
