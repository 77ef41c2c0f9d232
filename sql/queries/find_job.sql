-- A job by id, wherever it is: what may be done with it depends on its function's owner and on the role that made it.
SELECT 'waiting', f.owner::pg_catalog.oid, j.role::pg_catalog.oid, j.function_id FROM alyx._job j
LEFT JOIN alyx._function f ON f.id OPERATOR(pg_catalog.=) j.function_id WHERE j.id OPERATOR(pg_catalog.=) $1::pg_catalog.uuid
UNION ALL
SELECT 'waiting', f.owner::pg_catalog.oid, d.role::pg_catalog.oid, d.function_id FROM alyx._deferred d
LEFT JOIN alyx._function f ON f.id OPERATOR(pg_catalog.=) d.function_id WHERE d.id OPERATOR(pg_catalog.=) $1::pg_catalog.uuid
UNION ALL
SELECT 'dead', f.owner::pg_catalog.oid, d.role::pg_catalog.oid, d.function_id FROM alyx._dead d
LEFT JOIN alyx._function f ON f.id OPERATOR(pg_catalog.=) d.function_id WHERE d.id OPERATOR(pg_catalog.=) $1::pg_catalog.uuid
