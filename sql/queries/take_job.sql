-- The job goes with the transaction that does it. No row: the claim is not ours any more.
DELETE FROM alyx._job j WHERE j.id OPERATOR(pg_catalog.=) $1::pg_catalog.uuid AND j.lease OPERATOR(pg_catalog.=) $2
RETURNING j.id, j.function_id, j.source, j.role::pg_catalog.oid, j.claims, j.payload, j.depth, j.attempt, j.conflicts,
          (EXTRACT(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) j.enqueued_at) OPERATOR(pg_catalog.*) 1000)::pg_catalog.int8,
          j.dedupe_key
