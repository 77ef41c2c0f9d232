-- The job goes with the transaction that does it. No row: the claim is not ours any more.
WITH taken AS (
    DELETE FROM alyx._job j WHERE j.id OPERATOR(pg_catalog.=) $1::pg_catalog.uuid AND j.lease OPERATOR(pg_catalog.=) $2 RETURNING j.*
), freed AS (
    DELETE FROM alyx._dedupe k USING taken t
    WHERE t.dedupe_key IS NOT NULL AND k.function_id OPERATOR(pg_catalog.=) t.function_id
      AND k.key OPERATOR(pg_catalog.=) t.dedupe_key AND k.job OPERATOR(pg_catalog.=) t.id
)
SELECT t.id, t.function_id, t.source, t.role::pg_catalog.oid, t.claims, t.payload, t.depth, t.attempt, t.conflicts,
       (EXTRACT(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) t.enqueued_at) OPERATOR(pg_catalog.*) 1000)::pg_catalog.int8
FROM taken t
