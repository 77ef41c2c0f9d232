SELECT d.job FROM alyx._dedupe d WHERE d.function_id OPERATOR(pg_catalog.=) $1 AND d.key OPERATOR(pg_catalog.=) $2
