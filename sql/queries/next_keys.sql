-- The next ordering keys of a function: a loose scan, so that a key with many jobs costs no more than one with a few.
WITH RECURSIVE key AS (
    (SELECT j.ordering_key AS k, 1 AS n FROM alyx._job j
     WHERE j.function_id OPERATOR(pg_catalog.=) $1 AND j.ordering_key OPERATOR(pg_catalog.>) $2
     ORDER BY j.ordering_key LIMIT 1)
    UNION ALL
    SELECT (SELECT j.ordering_key FROM alyx._job j
            WHERE j.function_id OPERATOR(pg_catalog.=) $1 AND j.ordering_key OPERATOR(pg_catalog.>) key.k
            ORDER BY j.ordering_key LIMIT 1), key.n OPERATOR(pg_catalog.+) 1
    FROM key WHERE key.k IS NOT NULL AND key.n OPERATOR(pg_catalog.<) $3
)
SELECT key.k FROM key WHERE key.k IS NOT NULL ORDER BY key.n
