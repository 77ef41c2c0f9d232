UPDATE alyx._function f SET paused = $2::pg_catalog.bool WHERE f.name OPERATOR(pg_catalog.=) $1
