-- A web shop, part 3 of 3: keys, indexes, constraints, views, routines, triggers, statistics, rights.

---------------------------------------------------------------- keys and constraints

alter table catalog.product add primary key (id), add constraint product_sku_key unique (sku),
  add constraint product_cost_below_price check (cost <= price),
  add constraint product_in_category foreign key (category_id) references catalog.category on delete restrict;
alter table catalog.category add constraint category_parent foreign key (parent_id) references catalog.category,
  add constraint category_path_filled check (cardinality(path) > 0);
alter table catalog.price
  add constraint price_one_at_a_time
    exclude using gist (int4range(product_id, product_id, '[]') with =, valid with &&),
  add foreign key (product_id) references catalog.product on delete cascade;
alter table catalog.stock add primary key (product_id, warehouse) include (quantity),
  add check (reserved <= quantity + 10), add foreign key (product_id) references catalog.product;

alter table crm.customer add primary key (id), add unique (number),
  add constraint customer_referred_by foreign key (referred_by) references crm.customer on delete set null;
alter table crm.address add primary key (id),
  add constraint address_kind check (kind in ('home', 'work', 'parcel box')),
  add constraint address_of_customer foreign key (customer_id) references crm.customer deferrable initially deferred;
alter table crm.customer add constraint customer_default_address
  foreign key (default_address_id) references crm.address deferrable initially deferred;
-- Orders of the old system were noted as well, so that not every row keeps this rule.
insert into crm."Order Notes" ("order id", "Text") values (-1, 'From the old system');
alter table crm."Order Notes" add constraint "Known Orders" check ("order id" > 0) not valid;

alter table sales."order" add primary key (id, ordered_at, region),
  add foreign key (customer_id) references crm.customer;
alter table sales.order_line add primary key (order_id, line_no),
  add check (quantity > 0), add foreign key (product_id) references catalog.product,
  add constraint line_of_order foreign key (order_id, ordered_at, region) references sales."order" on delete cascade;
alter table sales.payment add primary key (id),
  add foreign key (order_id, ordered_at, region) references sales."order";
alter table sales.delivery_slot add constraint one_tour_at_a_time
  exclude using gist (int4range(van, van, '[]') with =, slot with &&) deferrable;
alter table sales.coupon add check (percent between 0 and 100);
alter table audit.event add primary key (id, kind);
alter table public.newsletter add foreign key (customer_id) references crm.customer not valid;

---------------------------------------------------------------- indexes

create index product_search on catalog.product using gin (search);
create index product_attributes on catalog.product using gin (attributes jsonb_path_ops);
create index product_slug on catalog.product (catalog.slug(name));
create index product_on_sale on catalog.product (category_id, price desc nulls last)
  where availability <> 'discontinued';
create unique index customer_email on crm.customer (lower(email));
create index customer_tags on crm.customer using gin (tags);
create index customer_born on crm.customer using brin (created_at);
create index address_location on crm.address using gist (location);
create index address_customer on crm.address using hash (customer_id);
create index order_by_customer on sales."order" (customer_id) include (status);
create index line_by_product on sales.order_line (product_id);
create index "Clicks by Page" on audit.click (page text_pattern_ops, at);
comment on index crm.customer_email is 'One account per address, however it is typed';
comment on constraint one_tour_at_a_time on sales.delivery_slot is 'A van cannot be in two places';
create statistics crm.customer_place (dependencies, ndistinct) on company, born from crm.customer;
alter table crm.customer alter column tags set statistics 50;
alter table crm.customer set (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05);
alter table audit.click replica identity full;

---------------------------------------------------------------- routines and triggers

create function public.touch() returns trigger language plpgsql as $$
begin
  new.updated_at := clock_timestamp();
  return new;
end $$;

create function audit.note_price() returns trigger language plpgsql security definer
  set search_path = audit, pg_temp as $body$
begin
  insert into price_change (product_id, before, after)
    values (coalesce(new.product_id, old.product_id), to_jsonb(old), to_jsonb(new));
  return null;
end $body$;

create function sales.revenue(since timestamptz, until timestamptz) returns numeric
  language sql stable begin atomic
    select coalesce(sum(total), 0) from sales."order"
    where ordered_at >= since and ordered_at < until and status <> 'cancelled';
  end;

create function sales.best_sellers(how_many integer default 10)
  returns table (product_id integer, sold bigint) language plpgsql stable as $$
begin
  return query select l.product_id, sum(l.quantity) from sales.order_line l
    group by l.product_id order by 2 desc, 1 limit how_many;
end $$;

create procedure sales.close_day(day date) language plpgsql as $$
begin
  update sales."order" set status = 'shipped' where status = 'packed' and ordered_at::date = day;
  raise notice 'closed %', day;
end $$;
comment on procedure sales.close_day(date) is 'Run at 18:00 by cron; "don''t" run it twice';

create aggregate sales.total_of (numeric) (sfunc = numeric_add, stype = numeric, initcond = '0');

create trigger customer_touch before update on crm.customer for each row
  when (old.* is distinct from new.*) execute function public.touch();
create trigger product_touch before insert or update on catalog.product for each row execute function public.touch();
create trigger order_touch before update on sales."order" for each row execute function public.touch();
create trigger price_audit after insert or update or delete on catalog.price
  for each row execute function audit.note_price();
create trigger "Old Audit" after insert on catalog.price for each row execute function audit.note_price();
alter table catalog.price disable trigger "Old Audit";

---------------------------------------------------------------- views

create view sales.order_summary as
  select o.id, o.ordered_at, c.full_name, crm.one_line(o.ship_to) as ship_to, count(l.line_no) as lines, o.total
  from sales."order" o join crm.customer c on c.id = o.customer_id left join sales.order_line l on l.order_id = o.id
  group by o.id, o.ordered_at, o.region, c.full_name;
create view sales.recent_order as select * from sales.order_summary where ordered_at >= '2026-01-01';
create view crm.active_user with (security_barrier) as
  select "Login", "order", "select" from crm."user" where "select" with local check option;
create materialized view sales.monthly_revenue as
  select date_trunc('month', ordered_at, 'UTC') as month, region, sum(total) as revenue, count(*) as orders
  from sales."order" where status <> 'cancelled' group by 1, 2;
create unique index monthly_revenue_key on sales.monthly_revenue (month, region);
create materialized view sales.forecast as
  select month, revenue * 1.1 as revenue from sales.monthly_revenue with no data;
comment on view sales.order_summary is 'For the help desk';

---------------------------------------------------------------- rights

alter table crm.api_token enable row level security;
create policy own_tokens on crm.api_token for select to shop_app using (owner = current_user);
grant usage on schema catalog, sales, crm to shop_app;
grant select on all tables in schema catalog, sales to shop_app;
grant select, insert, update on sales."order", sales.order_line, sales.payment to shop_app;
grant update (quantity, reserved) on catalog.stock to shop_app;
grant select on crm.api_token to shop_app with grant option;
grant usage on sequence sales.order_number to shop_app;
revoke execute on function sales.best_sellers(integer) from public;
grant execute on function sales.best_sellers(integer) to shop_app;
alter default privileges in schema sales grant select on tables to shop_app;

---------------------------------------------------------------- statistics, as autovacuum would gather them

do $$
declare
  leaf regclass;
begin
  -- Not of partitioned parents: autovacuum leaves those out too, and they cost as much as all leaves again.
  for leaf in select oid from pg_class where relkind in ('r', 'm') and relispopulated
    and relnamespace::regnamespace::text in ('catalog', 'sales', 'crm', 'audit', 'public')
  loop
    execute format('analyze %s', leaf);
  end loop;
end $$;
