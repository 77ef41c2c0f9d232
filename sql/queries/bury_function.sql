-- Jobs whose function has been dropped. Those that run are left to find out by themselves.
WITH ready AS (
    DELETE FROM alyx._job j WHERE j.function_id OPERATOR(pg_catalog.=) $1 AND j.lease IS NULL RETURNING j.*
), deferred AS (
    DELETE FROM alyx._deferred d WHERE d.function_id OPERATOR(pg_catalog.=) $1 RETURNING d.*
), keys AS (
    DELETE FROM alyx._dedupe k WHERE k.function_id OPERATOR(pg_catalog.=) $1
), schedules AS (
    DELETE FROM alyx._schedule s WHERE s.function_id OPERATOR(pg_catalog.=) $1
)
INSERT INTO alyx._dead
SELECT g.*, $2, 'non_retryable' FROM (SELECT r.* FROM ready r UNION ALL SELECT d.* FROM deferred d) g
