-- The census: one statement per kind of object, the same text for PostgreSQL 10 to 18, run on both sides.
-- Each returns: tokens "catalog:oid" of what it belongs to (left out when one of them is), its name, its definition.
-- Columns that only newer catalogs have are read through to_jsonb: there they are simply absent. `{since N ...}` is asked
-- where both sides are of version N or newer, `{body ...}` where both are of one major version.
-- Every statement stands behind `with` these relations: `mine` (schemas of people), `ext` (members of extensions),
-- `rel` (relations of people).

-- name: schema
select '2615:' || n.oid, quote_ident(n.nspname), ''
from mine n where n.nspname <> 'public' and not exists (select from ext where ext.classid = 'pg_namespace'::regclass and ext.objid = n.oid)

-- name: table
select '1259:' || c.oid, c.label, concat_ws(' ', c.relkind, c.relpersistence,
    case when c.relkind in ('r', 'p') then concat_ws(' ', 'security ' || c.relrowsecurity, 'forced ' || c.relforcerowsecurity,
        'identity ' || case when c.relreplident = 'i' then coalesce((select 'i ' || i.indexrelid::regclass
            from pg_index i where i.indrelid = c.oid and i.indisreplident), 'n') else c.relreplident::text end) end,
    'options ' || coalesce((select string_agg(o, ',' order by o) from unnest(c.reloptions) o), ''),
    'overflow ' || (select string_agg(o, ',' order by o) from pg_class t cross join unnest(t.reloptions) o where t.oid = c.reltoastrelid),
    'of ' || nullif(c.reloftype, 0)::regtype,
    'access method ' || case when c.relkind = 'r' then (select nullif(m.amname, 'heap') from pg_am m where m.oid = c.relam)
        else {since 17 (select m.amname from pg_am m where m.oid = c.relam)} end,
    (select concat_ws(' ', 'server', quote_ident(s.srvname), (select string_agg(o, ',' order by o) from unnest(f.ftoptions) o))
        from pg_foreign_table f join pg_foreign_server s on s.oid = f.ftserver where f.ftrelid = c.oid),
    'key ' || pg_get_partkeydef(c.oid), 'bound ' || pg_get_expr(c.relpartbound, c.oid),
    'parents ' || (select string_agg(i.inhparent::regclass::text, ',' order by i.inhseqno) from pg_inherits i where i.inhrelid = c.oid))
from rel c where c.relkind in ('r', 'p', 'f')

-- name: column
select '1259:' || c.oid, c.label || '.' || quote_ident(a.attname), concat_ws(' ', format_type(a.atttypid, a.atttypmod),
    case when a.attnotnull then 'not null' end,
    'default ' || pg_get_expr(d.adbin, d.adrelid),
    'identity ' || nullif(a.attidentity::text, ''),
    'generated ' || nullif(to_jsonb(a) ->> 'attgenerated', ''),
    case when a.attcollation <> t.typcollation then (select format('collate %I.%I', n.nspname, k.collname)
        from pg_collation k join pg_namespace n on n.oid = k.collnamespace where k.oid = a.attcollation) end,
    'storage ' || a.attstorage::text,
    'options ' || (select string_agg(o, ',' order by o) from unnest(a.attoptions) o where o not like 'pg_attver=%'),
    'statistics ' || nullif(a.attstattarget, -1),
    'compression ' || nullif(to_jsonb(a) ->> 'attcompression', ''),
    'foreign ' || (select string_agg(o, ',' order by o) from unnest(a.attfdwoptions) o))
from rel c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_type t on t.oid = a.atttypid left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
where c.relkind in ('r', 'p', 'f', 'm') or (c.relkind = 'v' and d.oid is not null)

-- name: column order
-- pg_dump makes inherited columns first, and says so nowhere: harmless unless rows of the table are stored as values.
select '1259:' || c.oid, c.label, concat_ws(' ', case when c.relpartbound is null
        and exists (select from pg_inherits i where i.inhrelid = c.oid)
        and c.reltype not in (select coalesce(nullif(t.typbasetype, 0), nullif(t.typelem, 0), t.oid)
            from pg_attribute u join pg_type t on t.oid = u.atttypid where t.oid >= 16384)
        then 'inherited:' end,
    (select string_agg(quote_ident(a.attname), ', ' order by a.attnum) from pg_attribute a
     where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped))
from rel c where c.relkind in ('r', 'p', 'f')

-- name: index
select concat_ws(' ', '1259:' || i.indexrelid, '1259:' || i.indrelid), n.nspname || '.' || x.relname,
    concat_ws(' ', pg_get_indexdef(i.indexrelid), case when i.indisclustered then 'clustered' end,
        case when not i.indisvalid then 'invalid' end,
        'part of ' || (select h.inhparent::regclass from pg_inherits h where h.inhrelid = x.oid),
        'statistics ' || (select string_agg(a.attnum || ' ' || a.attstattarget, ',' order by a.attnum) from pg_attribute a
            where a.attrelid = x.oid and a.attstattarget >= 0))
from pg_index i join rel c on c.oid = i.indrelid join pg_class x on x.oid = i.indexrelid join mine n on n.oid = x.relnamespace
where c.relkind in ('r', 'p', 'm') and (i.indisvalid or c.relkind = 'p')

-- name: constraint
select concat_ws(' ', '2606:' || k.oid, '1259:' || k.conrelid, '1259:' || nullif(k.confrelid, 0)), c.label || '.' || quote_ident(k.conname),
    concat_ws(' ', pg_get_constraintdef(k.oid), case when not k.convalidated then 'unproven' end)
from pg_constraint k join rel c on c.oid = k.conrelid
where (k.contype in ('c', 'p', 'u', 'x', 'f') or (k.contype = 'n' and {since 18 true}))
  and (k.contype <> 'f' or coalesce(to_jsonb(k) ->> 'conparentid', '0') = '0')

-- name: sequence
select '1259:' || c.oid, c.label, concat_ws(' ', format_type(s.seqtypid, null), s.seqstart, s.seqincrement, s.seqmin, s.seqmax,
    s.seqcache, s.seqcycle, {since 15 nullif(c.relpersistence, 'p')}, 'owned by ' || (select d.refobjid::regclass || '.' || a.attname from pg_depend d
        join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
        where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i') and d.refclassid = 'pg_class'::regclass))
from pg_sequence s join rel c on c.oid = s.seqrelid

-- name: view
select '1259:' || c.oid, c.label, concat_ws(' ',
    (select string_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod), ', ' order by a.attnum)
     from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
    'options ' || (select string_agg(o, ',' order by o) from unnest(c.reloptions) o),
    {body pg_get_viewdef(c.oid)})
from rel c where c.relkind = 'v'

-- name: materialized view
select '1259:' || c.oid, c.label, concat_ws(' ',
    (select string_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod), ', ' order by a.attnum)
     from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
    case when c.relispopulated and {rows} then 'populated' end,
    'options ' || (select string_agg(o, ',' order by o) from unnest(c.reloptions) o),
    'access method ' || (select nullif(m.amname, 'heap') from pg_am m where m.oid = c.relam),
    {body pg_get_viewdef(c.oid)})
from rel c where c.relkind = 'm'

-- name: routine
select '1255:' || p.oid, format('%s.%s(%s)', quote_ident(n.nspname), quote_ident(p.proname), pg_get_function_identity_arguments(p.oid)),
    concat_ws(' ', coalesce(to_jsonb(p) ->> 'prokind', case when (to_jsonb(p) ->> 'proisagg')::boolean then 'a' else 'f' end), l.lanname,
        pg_get_function_arguments(p.oid), 'returns ' || pg_get_function_result(p.oid), p.provolatile, p.proparallel,
        'strict ' || p.proisstrict, 'definer ' || p.prosecdef, 'leakproof ' || p.proleakproof, 'cost ' || p.procost, 'rows ' || p.prorows,
        'set ' || (select string_agg(o, ',' order by o) from unnest(p.proconfig) o),
    'support ' || nullif(to_jsonb(p) ->> 'prosupport', '-'),
    'transforms ' || (select string_agg(t::regtype::text, ',') from unnest(p.protrftypes) t),
        'body ' || case when to_jsonb(p) ->> 'prosqlbody' is null then md5(coalesce(p.probin, '') || p.prosrc)
            else coalesce({body {since 14 pg_get_function_sqlbody(p.oid)}}, '') end)
from pg_proc p join mine n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
where not exists (select from pg_depend e where e.classid = 'pg_proc'::regclass and e.objid = p.oid and e.deptype in ('e', 'i'))

-- name: aggregate
select '1255:' || a.aggfnoid::oid, format('%s(%s)', a.aggfnoid, pg_get_function_identity_arguments(a.aggfnoid)), concat_ws(' ',
    a.aggkind, a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn, format_type(a.aggtranstype, null),
    'start ' || a.agginitval, 'sorts ' || nullif(a.aggsortop, 0)::regoperator, 'size ' || nullif(a.aggtransspace, 0),
    case when a.aggfinalfn <> 0 then concat_ws(' ', case when a.aggfinalextra then 'extra' end, {since 11 (to_jsonb(a) ->> 'aggfinalmodify')}) end,
    case when a.aggmtransfn <> 0 then concat_ws(' ', 'moving', a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn,
        format_type(a.aggmtranstype, null), 'start ' || a.aggminitval, 'size ' || nullif(a.aggmtransspace, 0),
        case when a.aggmfinalfn <> 0 then concat_ws(' ', case when a.aggmfinalextra then 'extra' end, {since 11 (to_jsonb(a) ->> 'aggmfinalmodify')}) end) end)
from pg_aggregate a join pg_proc p on p.oid = a.aggfnoid join mine n on n.oid = p.pronamespace
where not exists (select from ext where ext.classid = 'pg_proc'::regclass and ext.objid = p.oid)

-- name: trigger
select concat_ws(' ', '2620:' || t.oid, '1259:' || t.tgrelid), c.label || '.' || quote_ident(t.tgname),
    concat_ws(' ', replace(pg_get_triggerdef(t.oid), ' EXECUTE PROCEDURE ', ' EXECUTE FUNCTION '), 'enabled ' || t.tgenabled::text)
from pg_trigger t join rel c on c.oid = t.tgrelid
-- A partition's clone of a trigger is internal up to 14 and not from 15 on; what depends on another trigger is one. Of foreign
-- keys and constraint triggers the clones follow by themselves.
where case when exists (select from pg_depend d where d.classid = 'pg_trigger'::regclass and d.objid = t.oid and d.refclassid = 'pg_trigger'::regclass)
    then t.tgconstraint = 0 else not t.tgisinternal end

-- name: rule
select concat_ws(' ', '2618:' || r.oid, '1259:' || r.ev_class), c.label || '.' || quote_ident(r.rulename),
    concat_ws(' ', r.ev_type, r.ev_enabled, r.is_instead, {body pg_get_ruledef(r.oid)})
from pg_rewrite r join rel c on c.oid = r.ev_class where r.rulename <> '_RETURN'

-- name: policy
select concat_ws(' ', '3256:' || p.oid, '1259:' || p.polrelid), c.label || '.' || quote_ident(p.polname),
    concat_ws(' ', p.polcmd, to_jsonb(p) ->> 'polpermissive',
        (select string_agg(case when r.oid = 0 then 'public' else pg_get_userbyid(r.oid) end, ',' order by 1) from unnest(p.polroles) r(oid)),
        'using ' || (p.polqual is not null), 'check ' || (p.polwithcheck is not null),
        {body pg_get_expr(p.polqual, p.polrelid)}, {body pg_get_expr(p.polwithcheck, p.polrelid)})
from pg_policy p join rel c on c.oid = p.polrelid

-- name: type
select '1247:' || t.oid, quote_ident(n.nspname) || '.' || quote_ident(t.typname), concat_ws(' ', t.typtype,
    (select string_agg(quote_literal(e.enumlabel), ',' order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid),
    case when t.typtype = 'b' then concat_ws(' ', t.typinput, t.typoutput, t.typreceive, t.typsend, t.typmodin, t.typmodout, t.typanalyze,
        {since 14 (to_jsonb(t) ->> 'typsubscript')}, t.typlen, t.typbyval, t.typalign, t.typstorage, t.typcategory, t.typispreferred, t.typdelim,
        format_type(nullif(t.typelem, 0), null), t.typcollation <> 0, 'default ' || t.typdefault) end,
    case when t.typtype = 'd' then concat_ws(' ', format_type(t.typbasetype, t.typtypmod),
        (select format('collate %I.%I', n.nspname, k.collname) from pg_collation k join pg_namespace n on n.oid = k.collnamespace
         join pg_type b on b.oid = t.typbasetype where k.oid = t.typcollation and b.typcollation <> k.oid), case when t.typnotnull then 'not null' end,
        'default ' || t.typdefault, (select string_agg(concat_ws(' ', k.conname, pg_get_constraintdef(k.oid), k.convalidated), ', ' order by k.conname)
            from pg_constraint k where k.contypid = t.oid and k.contype = 'c')) end,
    (select string_agg(concat_ws(' ', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
            case when a.attcollation <> b.typcollation then (select format('collate %I.%I', n.nspname, k.collname)
                from pg_collation k join pg_namespace n on n.oid = k.collnamespace where k.oid = a.attcollation) end), ', ' order by a.attnum)
        from pg_attribute a join pg_class c on c.oid = a.attrelid and c.relkind = 'c' join pg_type b on b.oid = a.atttypid
        where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped),
    (select concat_ws(' ', format_type(r.rngsubtype, null), o.opcname, r.rngcanonical, r.rngsubdiff,
            (select format('collate %I.%I', n.nspname, k.collname) from pg_collation k join pg_namespace n on n.oid = k.collnamespace
             where k.oid = r.rngcollation), {since 14 format_type(r.rngmultitypid, null)})
        from pg_range r join pg_opclass o on o.oid = r.rngsubopc where r.rngtypid = t.oid))
from pg_type t join mine n on n.oid = t.typnamespace left join pg_class c on c.oid = t.typrelid
where (t.typtype in ('b', 'c', 'd', 'e', 'r') or not t.typisdefined) and (t.typrelid = 0 or c.relkind = 'c')
  and not exists (select from pg_type e where e.typarray = t.oid)
  and not exists (select from ext where ext.classid = 'pg_type'::regclass and ext.objid = t.oid)

-- name: extension
select '3079:' || e.oid, e.extname, concat_ws(' ', 'version', e.extversion, 'in ' || quote_ident(nullif(n.nspname, 'public')))
from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname <> 'plpgsql'

-- name: dependency on an extension
-- ALTER ... DEPENDS ON EXTENSION: carried by pg_dump since 13.
select d.classid || ':' || d.objid, concat_ws(' ', i.type, i.identity, 'on', e.extname), ''
from pg_depend d join pg_extension e on d.refclassid = 'pg_extension'::regclass and e.oid = d.refobjid
cross join pg_identify_object(d.classid, d.objid, d.objsubid) i
where d.deptype = 'x' and {since 13 true}

-- name: comment
select d.classoid || ':' || d.objoid, i.type || ' ' || i.identity, md5(d.description)
from pg_description d cross join pg_identify_object(d.classoid, d.objoid, d.objsubid) i
where (d.objoid >= 16384 or d.classoid = 'pg_largeobject'::regclass) and d.classoid <> 'pg_extension'::regclass and ({rows} or d.classoid <> 'pg_largeobject'::regclass) and i.identity is not null and i.identity !~ '^ferrybot\.'
  and not exists (select from ext where ext.classid = d.classoid and ext.objid = d.objoid)
  and not exists (select from pg_namespace n where d.classoid = 'pg_namespace'::regclass and n.oid = d.objoid and n.nspname = 'ferrybot')

-- name: publication
select '6104:' || p.oid, quote_ident(p.pubname), concat_ws(' ', 'all ' || p.puballtables, p.pubinsert, p.pubupdate, p.pubdelete,
    coalesce(to_jsonb(p) ->> 'pubtruncate', 'false'), 'root ' || coalesce(to_jsonb(p) ->> 'pubviaroot', 'false'),
    'generated ' || {since 18 (to_jsonb(p) ->> 'pubgencols')},
    (select string_agg(concat_ws(' ', r.prrelid::regclass, 'columns ' || {since 15 (select string_agg(quote_ident(a.attname), ' ' order by a.attnum)
            from pg_attribute a where a.attrelid = r.prrelid and a.attnum = any(r.prattrs))},
        'where ' || {body {since 15 pg_get_expr(r.prqual, r.prrelid)}}), ',' order by replace(r.prrelid::regclass::text, '"', ''))
     from pg_publication_rel r where r.prpubid = p.oid),
    'schemas ' || {since 15 (select string_agg(quote_ident(n.nspname), ',' order by n.nspname)
        from pg_publication_namespace s join pg_namespace n on n.oid = s.pnnspid where s.pnpubid = p.oid)})
from pg_publication p

-- name: event trigger
select '3466:' || e.oid, quote_ident(e.evtname), concat_ws(' ', e.evtevent, e.evtenabled, e.evtfoid::regproc, e.evttags)
from pg_event_trigger e where not exists (select from ext where ext.classid = 'pg_event_trigger'::regclass and ext.objid = e.oid)

-- name: statistics object
select concat_ws(' ', '3381:' || s.oid, '1259:' || s.stxrelid), quote_ident(n.nspname) || '.' || quote_ident(s.stxname),
    concat_ws(' ', pg_get_statisticsobjdef(s.oid), 'target ' || nullif(to_jsonb(s) ->> 'stxstattarget', '-1'))
from pg_statistic_ext s join mine n on n.oid = s.stxnamespace

-- name: operator
select '2617:' || o.oid, o.oid::regoperator::text, concat_ws(' ', o.oprcode, o.oprcom::regoperator, o.oprnegate::regoperator,
    o.oprrest, o.oprjoin, o.oprcanmerge, o.oprcanhash)
from pg_operator o join mine n on n.oid = o.oprnamespace
where o.oprcode <> 0 and not exists (select from ext where ext.classid = 'pg_operator'::regclass and ext.objid = o.oid)

-- name: operator class
select '2616:' || o.oid, format('%s.%s using %s', quote_ident(n.nspname), quote_ident(o.opcname), m.amname),
    concat_ws(' ', o.opcintype::regtype, o.opcdefault, quote_ident(b.nspname) || '.' || quote_ident(f.opfname),
        'stores ' || nullif(o.opckeytype, 0)::regtype)
from pg_opclass o join mine n on n.oid = o.opcnamespace join pg_am m on m.oid = o.opcmethod
join pg_opfamily f on f.oid = o.opcfamily join pg_namespace b on b.oid = f.opfnamespace
where not exists (select from ext where ext.classid = 'pg_opclass'::regclass and ext.objid = o.oid)

-- name: operator family
select '2753:' || f.oid, format('%s.%s using %s', quote_ident(n.nspname), quote_ident(f.opfname), m.amname), concat_ws(' ',
    (select string_agg(concat_ws(' ', p.amopstrategy, p.amopopr::regoperator, p.amoppurpose,
            'by ' || (select quote_ident(s.opfname) from pg_opfamily s where s.oid = p.amopsortfamily)), ', '
        order by p.amopstrategy, p.amopopr::regoperator::text) from pg_amop p where p.amopfamily = f.oid),
    (select string_agg(concat_ws(' ', p.amprocnum, p.amproclefttype::regtype, p.amprocrighttype::regtype, p.amproc::regprocedure), ', '
        order by p.amprocnum, p.amproclefttype::regtype::text, p.amprocrighttype::regtype::text) from pg_amproc p where p.amprocfamily = f.oid))
from pg_opfamily f join mine n on n.oid = f.opfnamespace join pg_am m on m.oid = f.opfmethod
where not exists (select from ext where ext.classid = 'pg_opfamily'::regclass and ext.objid = f.oid)

-- name: cast
select '2605:' || k.oid, format('%s as %s', k.castsource::regtype, k.casttarget::regtype), concat_ws(' ', k.castfunc::regprocedure, k.castcontext, k.castmethod)
from pg_cast k where k.oid >= 16384
  -- Since 14 a range type brings a cast to its multirange by itself.
  and not exists (select from pg_depend e where e.classid = 'pg_cast'::regclass and e.objid = k.oid and e.deptype in ('e', 'i'))

-- name: collation
select '3456:' || k.oid, quote_ident(n.nspname) || '.' || quote_ident(k.collname), concat_ws(' ', to_jsonb(k) ->> 'collprovider',
    to_jsonb(k) ->> 'collcollate', to_jsonb(k) ->> 'collctype',
    coalesce(to_jsonb(k) ->> 'colllocale', to_jsonb(k) ->> 'colliculocale'), coalesce(to_jsonb(k) ->> 'collisdeterministic', 'true'))
from pg_collation k join mine n on n.oid = k.collnamespace
where not exists (select from ext where ext.classid = 'pg_collation'::regclass and ext.objid = k.oid)

-- name: conversion
select '2607:' || k.oid, quote_ident(n.nspname) || '.' || quote_ident(k.conname), concat_ws(' ', k.conforencoding, k.contoencoding, k.conproc, case when k.condefault then 'default' end)
from pg_conversion k join mine n on n.oid = k.connamespace
where not exists (select from ext where ext.classid = 'pg_conversion'::regclass and ext.objid = k.oid)

-- name: text search configuration
select '3602:' || k.oid, quote_ident(n.nspname) || '.' || quote_ident(k.cfgname), (select quote_ident(p.prsname) || ' ' from pg_ts_parser p where p.oid = k.cfgparser) || (select string_agg(concat_ws(' ', m.maptokentype, m.mapseqno, m.mapdict::regdictionary), ', '
    order by m.maptokentype, m.mapseqno) from pg_ts_config_map m where m.mapcfg = k.oid)
from pg_ts_config k join mine n on n.oid = k.cfgnamespace
where not exists (select from ext where ext.classid = 'pg_ts_config'::regclass and ext.objid = k.oid)

-- name: text search dictionary
select '3600:' || k.oid, quote_ident(n.nspname) || '.' || quote_ident(k.dictname), concat_ws(' ', t.tmplname, k.dictinitoption)
from pg_ts_dict k join mine n on n.oid = k.dictnamespace join pg_ts_template t on t.oid = k.dicttemplate
where not exists (select from ext where ext.classid = 'pg_ts_dict'::regclass and ext.objid = k.oid)

-- name: text search parser or template
select '3601:' || k.oid, 'parser ' || quote_ident(n.nspname) || '.' || quote_ident(k.prsname),
    concat_ws(' ', k.prsstart, k.prstoken, k.prsend, k.prsheadline, k.prslextype) from pg_ts_parser k join mine n on n.oid = k.prsnamespace
where not exists (select from ext where ext.classid = 'pg_ts_parser'::regclass and ext.objid = k.oid)
union all
select '3764:' || k.oid, 'template ' || quote_ident(n.nspname) || '.' || quote_ident(k.tmplname), concat_ws(' ', k.tmplinit, k.tmpllexize) from pg_ts_template k join mine n on n.oid = k.tmplnamespace
where not exists (select from ext where ext.classid = 'pg_ts_template'::regclass and ext.objid = k.oid)

-- name: language
select '2612:' || l.oid, quote_ident(l.lanname), concat_ws(' ', l.lanpltrusted, l.lanplcallfoid::regproc, l.laninline::regproc, l.lanvalidator::regproc) from pg_language l
where l.oid >= 16384 and not exists (select from ext where ext.classid = 'pg_language'::regclass and ext.objid = l.oid)

-- name: transform
select '3576:' || t.oid, format('%s language %s', t.trftype::regtype, l.lanname), concat_ws(' ', t.trffromsql::regprocedure, t.trftosql::regprocedure)
from pg_transform t join pg_language l on l.oid = t.trflang
where not exists (select from ext where ext.classid = 'pg_transform'::regclass and ext.objid = t.oid)

-- name: access method
select '2601:' || m.oid, quote_ident(m.amname), concat_ws(' ', m.amtype, m.amhandler) from pg_am m
where m.oid >= 16384 and not exists (select from ext where ext.classid = 'pg_am'::regclass and ext.objid = m.oid)

-- name: foreign-data wrapper
select '2328:' || w.oid, quote_ident(w.fdwname), concat_ws(' ', w.fdwhandler::regproc, w.fdwvalidator::regproc,
    md5((select string_agg(o, ',' order by o) from unnest(w.fdwoptions) o))) from pg_foreign_data_wrapper w
where not exists (select from ext where ext.classid = 'pg_foreign_data_wrapper'::regclass and ext.objid = w.oid)

-- name: foreign server
select '1417:' || s.oid, quote_ident(s.srvname), concat_ws(' ', w.fdwname, s.srvtype, s.srvversion, md5((select string_agg(o, ',' order by o) from unnest(s.srvoptions) o)),
    (select string_agg(coalesce(u.usename, 'public'), ', ' order by u.usename) from pg_user_mappings u where u.srvid = s.oid))
from pg_foreign_server s join pg_foreign_data_wrapper w on w.oid = s.srvfdw
where not exists (select from ext where ext.classid = 'pg_foreign_server'::regclass and ext.objid = s.oid)

-- name: security label
select l.classoid || ':' || l.objoid, l.objtype || ' ' || l.objname || ' ' || l.provider, md5(l.label) from pg_seclabels l where l.objoid >= 16384

-- name: owner
select '1259:' || c.oid, c.label, pg_get_userbyid(c.relowner)
from rel c where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and {owners}
union all
select '1255:' || p.oid, format('%s.%s(%s)', quote_ident(n.nspname), quote_ident(p.proname), pg_get_function_identity_arguments(p.oid)), pg_get_userbyid(p.proowner)
from pg_proc p join mine n on n.oid = p.pronamespace
where not exists (select from pg_depend e where e.classid = 'pg_proc'::regclass and e.objid = p.oid and e.deptype in ('e', 'i')) and {owners}
union all
select '2615:' || n.oid, quote_ident(n.nspname), pg_get_userbyid(n.nspowner) from mine n where n.nspname <> 'public' and {owners}
  and not exists (select from ext where ext.classid = 'pg_namespace'::regclass and ext.objid = n.oid)
union all
select '1247:' || t.oid, quote_ident(n.nspname) || '.' || quote_ident(t.typname), pg_get_userbyid(t.typowner)
from pg_type t join mine n on n.oid = t.typnamespace left join pg_class c on c.oid = t.typrelid
where t.typtype in ('b', 'c', 'd', 'e', 'r') and (t.typrelid = 0 or c.relkind = 'c') and {owners}
  and not exists (select from pg_type e where e.typarray = t.oid)
  and not exists (select from ext where ext.classid = 'pg_type'::regclass and ext.objid = t.oid)
union all
select '', 'large object ' || o.oid, pg_get_userbyid(o.lomowner) from pg_largeobject_metadata o where {rows} and {owners}
union all
select tokens, concat_ws(' ', i.type, i.identity), pg_get_userbyid(x.owner)
from (
    select '2617:' || oid, 'pg_operator'::regclass, oid, oprowner from pg_operator where oprnamespace in (select oid from mine) and oprcode <> 0
    union all select '2616:' || oid, 'pg_opclass'::regclass, oid, opcowner from pg_opclass where opcnamespace in (select oid from mine)
    union all select '2753:' || oid, 'pg_opfamily'::regclass, oid, opfowner from pg_opfamily where opfnamespace in (select oid from mine)
    union all select '3456:' || oid, 'pg_collation'::regclass, oid, collowner from pg_collation where collnamespace in (select oid from mine)
    union all select '2607:' || oid, 'pg_conversion'::regclass, oid, conowner from pg_conversion where connamespace in (select oid from mine)
    union all select '3602:' || oid, 'pg_ts_config'::regclass, oid, cfgowner from pg_ts_config where cfgnamespace in (select oid from mine)
    union all select '3600:' || oid, 'pg_ts_dict'::regclass, oid, dictowner from pg_ts_dict where dictnamespace in (select oid from mine)
    union all select concat_ws(' ', '3381:' || oid, '1259:' || stxrelid), 'pg_statistic_ext'::regclass, oid, stxowner
        from pg_statistic_ext where stxnamespace in (select oid from mine)
    union all select '2612:' || oid, 'pg_language'::regclass, oid, lanowner from pg_language where oid >= 16384
    union all select '2328:' || oid, 'pg_foreign_data_wrapper'::regclass, oid, fdwowner from pg_foreign_data_wrapper
    union all select '1417:' || oid, 'pg_foreign_server'::regclass, oid, srvowner from pg_foreign_server
    union all select '6104:' || oid, 'pg_publication'::regclass, oid, pubowner from pg_publication
    union all select '3466:' || oid, 'pg_event_trigger'::regclass, oid, evtowner from pg_event_trigger
) x(tokens, classid, objid, owner) cross join pg_identify_object(x.classid, x.objid, 0) i
where {owners} and not exists (select from ext where ext.classid = x.classid and ext.objid = x.objid)

-- name: privilege
select tokens, name, (select string_agg(concat(case when a.grantee = 0 then 'public' else pg_get_userbyid(a.grantee) end, '=',
    a.privilege_type, case when a.is_grantable then '*' end), ', ' order by case when a.grantee = 0 then 'public' else pg_get_userbyid(a.grantee) end,
    a.privilege_type) from aclexplode(acl) a where ({maintain} or a.privilege_type <> 'MAINTAIN') and ({owners} or a.grantee <> owner))
from (
    select '1259:' || c.oid, c.label, coalesce(c.relacl, acldefault((case c.relkind when 'S' then 's' else 'r' end)::"char", c.relowner)), c.relowner
    from rel c where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
    union all
    select '1259:' || c.oid, c.label || '.' || quote_ident(a.attname), a.attacl, c.relowner
    from rel c join pg_attribute a on a.attrelid = c.oid and a.attacl is not null
    union all
    select '1255:' || p.oid, format('%s.%s(%s)', quote_ident(n.nspname), quote_ident(p.proname), pg_get_function_identity_arguments(p.oid)),
        coalesce(p.proacl, acldefault('f', p.proowner)), p.proowner
    from pg_proc p join mine n on n.oid = p.pronamespace
    where not exists (select from pg_depend e where e.classid = 'pg_proc'::regclass and e.objid = p.oid and e.deptype in ('e', 'i'))
    union all
    select '2615:' || n.oid, quote_ident(n.nspname), coalesce(s.nspacl, acldefault('n', n.nspowner)), n.nspowner
    from mine n join pg_namespace s on s.oid = n.oid where n.nspname <> 'public'
    union all
    select '1247:' || t.oid, quote_ident(n.nspname) || '.' || quote_ident(t.typname), t.typacl, t.typowner
    from pg_type t join mine n on n.oid = t.typnamespace where t.typacl is not null
    union all
    select '', 'large object ' || o.oid, coalesce(o.lomacl, acldefault('L', o.lomowner)), o.lomowner from pg_largeobject_metadata o where {rows}
    union all
    select '1417:' || s.oid, 'server ' || quote_ident(s.srvname), coalesce(s.srvacl, acldefault('S', s.srvowner)), s.srvowner from pg_foreign_server s
    where not exists (select from ext where ext.classid = 'pg_foreign_server'::regclass and ext.objid = s.oid)
    union all
    select '2328:' || w.oid, 'foreign-data wrapper ' || quote_ident(w.fdwname), coalesce(w.fdwacl, acldefault('F', w.fdwowner)), w.fdwowner
    from pg_foreign_data_wrapper w where not exists (select from ext where ext.classid = 'pg_foreign_data_wrapper'::regclass and ext.objid = w.oid)
    union all
    select '2612:' || l.oid, 'language ' || quote_ident(l.lanname), coalesce(l.lanacl, acldefault('l', l.lanowner)), l.lanowner from pg_language l
    where l.lanpltrusted and l.oid >= 16384 and not exists (select from ext where ext.classid = 'pg_language'::regclass and ext.objid = l.oid)
    union all
    select '826:' || d.oid, format('default of %s in %s for %s', case when {owners} then pg_get_userbyid(d.defaclrole)::text else '' end, d.defaclnamespace::regnamespace, d.defaclobjtype),
        d.defaclacl, d.defaclrole from pg_default_acl d
) x(tokens, name, acl, owner)

-- name: large object
-- Piece by piece: one may be larger than a value can be.
select '', o.oid::text, (
    with recursive piece(number, hash, size) as (
        select 0::bigint, md5(d), length(d) from (select lo_get(o.oid, 0, 1048576) offset 0) x(d)
        union all
        select p.number + 1, md5(d), length(d) from piece p cross join lateral (select lo_get(o.oid, (p.number + 1) * 1048576, 1048576) offset 0) x(d)
        where p.size = 1048576)
    select concat_ws(' ', sum(size), md5(string_agg(hash, '' order by number))) from piece)
from pg_largeobject_metadata o where {rows}
