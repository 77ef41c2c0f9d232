-- Waits for another transaction that makes a job of the same key: then that one's job is the answer.
INSERT INTO alyx._dedupe (function_id, key, job) VALUES ($1, $2, $3::pg_catalog.uuid)
ON CONFLICT (function_id, key) DO NOTHING RETURNING job
