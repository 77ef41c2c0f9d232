-- Claimed and not started: as if it had never been claimed.
UPDATE alyx._job j SET lease = NULL, started_at = NULL, attempt = j.attempt OPERATOR(pg_catalog.-) 1
WHERE j.id OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.uuid[]) AND j.lease IS NOT NULL
RETURNING j.function_id, j.rank
