UPDATE alyx._schedule s SET hook = $2 WHERE s.id OPERATOR(pg_catalog.=) $1
