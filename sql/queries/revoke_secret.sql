DELETE FROM alyx._secret_grant g WHERE g.key OPERATOR(pg_catalog.=) $1 AND g.function OPERATOR(pg_catalog.=) $2
