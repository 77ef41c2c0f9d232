-- Claimed or not: a worker that has yet to begin it finds its claim gone.
WITH waiting AS (
    DELETE FROM alyx._job j WHERE j.id OPERATOR(pg_catalog.=) $1::pg_catalog.uuid RETURNING j.*
), deferred AS (
    DELETE FROM alyx._deferred d WHERE d.id OPERATOR(pg_catalog.=) $1::pg_catalog.uuid RETURNING d.*
), gone AS (
    SELECT w.* FROM waiting w UNION ALL SELECT d.* FROM deferred d
), freed AS (
    DELETE FROM alyx._dedupe k USING gone g WHERE k.job OPERATOR(pg_catalog.=) g.id
        AND k.function_id OPERATOR(pg_catalog.=) g.function_id AND k.key OPERATOR(pg_catalog.=) g.dedupe_key
)
INSERT INTO alyx._dead SELECT g.*, f.name, 'cancelled' FROM gone g
LEFT JOIN alyx._function f ON f.id OPERATOR(pg_catalog.=) g.function_id
RETURNING id
