UPDATE alyx._secret s SET sealed = $2 WHERE s.key OPERATOR(pg_catalog.=) $1
