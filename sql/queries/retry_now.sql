UPDATE alyx._job j SET lease = NULL, started_at = NULL, attempt = j.attempt OPERATOR(pg_catalog.-) 1,
       conflicts = j.conflicts OPERATOR(pg_catalog.+) 1
WHERE j.id OPERATOR(pg_catalog.=) $1::pg_catalog.uuid AND j.lease OPERATOR(pg_catalog.=) $2
RETURNING j.function_id, j.rank
