-- The manager ended without the server: its workers are gone, their transactions with them.
UPDATE alyx._job j SET lease = NULL, started_at = NULL, attempt = j.attempt OPERATOR(pg_catalog.-) 1
WHERE j.id OPERATOR(pg_catalog.=) ANY (ARRAY(
    SELECT s.id FROM alyx._job s WHERE s.lease OPERATOR(pg_catalog.<) $1 FOR UPDATE SKIP LOCKED))
