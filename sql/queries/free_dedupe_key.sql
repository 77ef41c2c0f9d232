DELETE FROM alyx._dedupe k
WHERE k.function_id OPERATOR(pg_catalog.=) $1 AND k.key OPERATOR(pg_catalog.=) $2 AND k.job OPERATOR(pg_catalog.=) $3::pg_catalog.uuid
