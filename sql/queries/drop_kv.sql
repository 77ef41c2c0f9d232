DELETE FROM alyx._kv k WHERE k.function_id OPERATOR(pg_catalog.=) $1
