-- Comments that people may have changed on extensions and on what belongs to them: pg_dump carries none of those.

-- name: extensions
-- `usual` is what CREATE EXTENSION says by itself; NULL where the server's files of the extension are gone.
select e.extname::text, e.extversion, d.description, a.comment
from pg_extension e
left join pg_description d on d.classoid = 'pg_extension'::regclass and d.objoid = e.oid and d.objsubid = 0
left join pg_available_extensions a on a.name = e.extname
order by 1

-- name: members
select e.extname::text, i.type, i.identity, d.description
from pg_description d
join pg_depend m on m.classid = d.classoid and m.objid = d.objoid and m.deptype = 'e'
    and m.refclassid = 'pg_extension'::regclass
join pg_extension e on e.oid = m.refobjid
cross join pg_identify_object(d.classoid, d.objoid, d.objsubid) i
where i.identity is not null
order by 1, 2, 3
