-- What needs something of ours without being ours.

-- name: of others
with ours as (
    select c::regclass::oid as classid, o::oid as objid from unnest(%s::text[], %s::bigint[]) as given(c, o)
), needs as (
    select d.classid, d.objid, d.refclassid, d.refobjid
    from pg_depend d join ours on ours.classid = d.refclassid and ours.objid = d.refobjid
    where d.deptype = 'n' and d.classid <> 'pg_namespace'::regclass
), owners as (
    -- a rule, a constraint, a default, a trigger, a policy speaks for its relation
    select case n.classid
               when 'pg_rewrite'::regclass then 'pg_class'::regclass
               when 'pg_attrdef'::regclass then 'pg_class'::regclass
               when 'pg_trigger'::regclass then 'pg_class'::regclass
               when 'pg_policy'::regclass then 'pg_class'::regclass
               when 'pg_constraint'::regclass
                   then case when k.conrelid <> 0 then 'pg_class'::regclass else 'pg_type'::regclass end
               else n.classid end::oid as classid,
           case n.classid
               when 'pg_rewrite'::regclass then (select r.ev_class from pg_rewrite r where r.oid = n.objid)
               when 'pg_attrdef'::regclass then (select a.adrelid from pg_attrdef a where a.oid = n.objid)
               when 'pg_trigger'::regclass then (select g.tgrelid from pg_trigger g where g.oid = n.objid)
               when 'pg_policy'::regclass then (select p.polrelid from pg_policy p where p.oid = n.objid)
               when 'pg_constraint'::regclass then case when k.conrelid <> 0 then k.conrelid else k.contypid end
               else n.objid end as objid,
           n.refclassid, n.refobjid
    from needs n left join pg_constraint k on n.classid = 'pg_constraint'::regclass and k.oid = n.objid
), tops as (
    -- an index or a sequence that goes with its table is its table's
    select coalesce(up.classid, o.classid) as classid, coalesce(up.objid, o.objid) as objid, o.refclassid, o.refobjid
    from owners o left join lateral (
        select d.refclassid as classid, d.refobjid as objid from pg_depend d
        where d.classid = o.classid and d.objid = o.objid and d.deptype in ('a', 'i', 'P')
          and d.refclassid = 'pg_class'::regclass and o.classid = 'pg_class'::regclass
          and not exists (select from ours where ours.classid = o.classid and ours.objid = o.objid)
        limit 1) up on true
)
select distinct pg_describe_object(t.classid, t.objid, 0), pg_describe_object(t.refclassid, t.refobjid, 0)
from tops t
where t.refobjid <> t.objid
  and t.refclassid <> 'pg_namespace'::regclass
  and t.classid not in ('pg_extension'::regclass, 'pg_default_acl'::regclass)
  and not exists (select from ours where ours.classid = t.classid and ours.objid = t.objid)
  and not exists (select from pg_depend e where e.classid = t.classid and e.objid = t.objid and e.deptype = 'e')
  -- row types, arrays, operators of a family: inner parts of what is ours
  and t.classid not in ('pg_type'::regclass, 'pg_amop'::regclass, 'pg_amproc'::regclass)
order by 1, 2
limit 50
