-- The job of a delivery that is known.
SELECT d.job
FROM alyx._delivery d
WHERE d.function_id OPERATOR(pg_catalog.=) $1 AND d.path OPERATOR(pg_catalog.=) $2 AND d.id OPERATOR(pg_catalog.=) $3
