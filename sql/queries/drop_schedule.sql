DELETE FROM alyx._schedule s WHERE s.id OPERATOR(pg_catalog.=) $1
