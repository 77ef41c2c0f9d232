-- The snapshot of all functions that have been called since the one before.
INSERT INTO alyx._statistics (function_id, boot, base, current, since)
SELECT r.function_id, $2, r.base::pg_catalog.int8[], r.current::pg_catalog.int8[],
       GREATEST((SELECT f.created_at FROM alyx._recorded_function f WHERE f.id OPERATOR(pg_catalog.=) r.function_id),
                pg_catalog.pg_postmaster_start_time())
FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($3), pg_catalog.unnest($4)) AS r(function_id, base, current)
ON CONFLICT (function_id) DO UPDATE SET boot = EXCLUDED.boot, base = EXCLUDED.base, current = EXCLUDED.current
