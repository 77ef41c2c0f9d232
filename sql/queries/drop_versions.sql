DELETE FROM alyx._version v WHERE v.function OPERATOR(pg_catalog.=) $1
