-- What is due becomes ready, in bounded batches. The time is a parameter, so that the index is searched with it.
WITH due AS (
    DELETE FROM alyx._deferred d WHERE d.id OPERATOR(pg_catalog.=) ANY (ARRAY(
        SELECT e.id FROM alyx._deferred e WHERE e.run_at OPERATOR(pg_catalog.<=) pg_catalog.to_timestamp($1::pg_catalog.float8 OPERATOR(pg_catalog./) 1000000)
        ORDER BY e.run_at LIMIT 1000 FOR UPDATE SKIP LOCKED))
    RETURNING d.*
), moved AS (
    INSERT INTO alyx._job SELECT due.* FROM due RETURNING function_id, rank
)
SELECT moved.function_id, pg_catalog.min(moved.rank), pg_catalog.count(*) FROM moved GROUP BY moved.function_id
