SELECT f.owner::pg_catalog.oid, f.name FROM alyx._schedule s
JOIN alyx._function f ON f.id OPERATOR(pg_catalog.=) s.function_id WHERE s.id OPERATOR(pg_catalog.=) $1 FOR UPDATE OF s
