select a.name::text, a.default_version,
       coalesce(array_agg(v.version order by v.version) filter (where v.version is not null), '{}') as versions,
       coalesce(bool_or(v.superuser) filter (where v.version = a.default_version), true) as superuser,
       coalesce(bool_or((to_jsonb(v) ->> 'trusted')::bool) filter (where v.version = a.default_version), false)
           as trusted
from pg_available_extensions a left join pg_available_extension_versions v on v.name = a.name
where a.default_version is not null
group by a.name, a.default_version
order by 1
