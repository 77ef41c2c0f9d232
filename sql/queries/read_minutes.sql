-- What was counted in each minute of the last 24 hours; a minute with several snapshots has several rows.
SELECT f.name, f.owner::pg_catalog.oid, pg_catalog.to_json(m.minute), m.counters
FROM alyx._statistics_minute m
JOIN alyx._recorded_function f ON f.id OPERATOR(pg_catalog.=) m.function_id
WHERE m.minute OPERATOR(pg_catalog.>) (pg_catalog.now() OPERATOR(pg_catalog.-) '24 hours'::pg_catalog.interval)
ORDER BY f.name, m.minute
