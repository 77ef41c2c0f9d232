DELETE FROM alyx._hook h WHERE h.function OPERATOR(pg_catalog.=) $1
