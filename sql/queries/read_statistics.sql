-- Every function, with what was stored of its counters.
SELECT f.id, f.name, f.owner::pg_catalog.oid, s.boot, s.base, s.current,
       pg_catalog.to_json(COALESCE(s.since, GREATEST(f.created_at, pg_catalog.pg_postmaster_start_time())))
FROM alyx._recorded_function f
LEFT JOIN alyx._statistics s ON s.function_id OPERATOR(pg_catalog.=) f.id
ORDER BY f.name
