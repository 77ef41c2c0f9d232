-- No row comes back for a delivery that is known. One that is too old to be remembered, and was not deleted yet, is not.
INSERT INTO alyx._delivery AS d (function_id, path, id, job)
VALUES ($1, $2, $3, $4::pg_catalog.uuid)
ON CONFLICT (function_id, path, id) DO UPDATE
    SET job = EXCLUDED.job, received_at = EXCLUDED.received_at
    WHERE d.received_at OPERATOR(pg_catalog.<) (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) '7 days'::pg_catalog.interval)
RETURNING d.job
