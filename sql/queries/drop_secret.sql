WITH grants AS (DELETE FROM alyx._secret_grant g WHERE g.key OPERATOR(pg_catalog.=) $1)
DELETE FROM alyx._secret s WHERE s.key OPERATOR(pg_catalog.=) $1
