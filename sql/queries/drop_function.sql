DELETE FROM alyx._function f WHERE f.name OPERATOR(pg_catalog.=) $1
