DELETE FROM alyx._secret_grant g WHERE g.function_id OPERATOR(pg_catalog.=) $1
