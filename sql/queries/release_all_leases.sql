-- The manager ended without the server: its workers are gone, their transactions with them.
UPDATE alyx._job j SET lease = NULL, started_at = NULL, attempt = j.attempt OPERATOR(pg_catalog.-) 1 WHERE j.lease IS NOT NULL
