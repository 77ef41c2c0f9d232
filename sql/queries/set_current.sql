UPDATE alyx._function f SET version = $2, schema = $3 WHERE f.name OPERATOR(pg_catalog.=) $1
