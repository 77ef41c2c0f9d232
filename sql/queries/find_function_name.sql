SELECT f.name FROM alyx._function f WHERE f.id OPERATOR(pg_catalog.=) $1
