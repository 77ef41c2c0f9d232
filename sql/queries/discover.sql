-- The functions that have jobs, one index probe each.
WITH RECURSIVE free AS (
    SELECT pg_catalog.min(j.function_id) AS id FROM alyx._job j WHERE j.ordering_key IS NULL
    UNION ALL
    SELECT (SELECT pg_catalog.min(j.function_id) FROM alyx._job j
            WHERE j.ordering_key IS NULL AND j.function_id OPERATOR(pg_catalog.>) free.id)
    FROM free WHERE free.id IS NOT NULL
), ordered AS (
    SELECT pg_catalog.min(j.function_id) AS id FROM alyx._job j WHERE j.ordering_key IS NOT NULL
    UNION ALL
    SELECT (SELECT pg_catalog.min(j.function_id) FROM alyx._job j
            WHERE j.ordering_key IS NOT NULL AND j.function_id OPERATOR(pg_catalog.>) ordered.id)
    FROM ordered WHERE ordered.id IS NOT NULL
)
SELECT free.id FROM free WHERE free.id IS NOT NULL UNION SELECT ordered.id FROM ordered WHERE ordered.id IS NOT NULL
