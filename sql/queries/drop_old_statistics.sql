-- Statistics of dropped functions, and minutes that are a day old.
WITH dropped AS (
    DELETE FROM alyx._statistics s
    WHERE NOT EXISTS (SELECT FROM alyx._recorded_function f WHERE f.id OPERATOR(pg_catalog.=) s.function_id)
)
DELETE FROM alyx._statistics_minute m
WHERE m.minute OPERATOR(pg_catalog.<) (pg_catalog.now() OPERATOR(pg_catalog.-) '24 hours'::pg_catalog.interval)
