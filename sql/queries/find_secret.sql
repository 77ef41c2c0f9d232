SELECT s.owner::pg_catalog.oid FROM alyx._secret s WHERE s.key OPERATOR(pg_catalog.=) $1 FOR UPDATE
