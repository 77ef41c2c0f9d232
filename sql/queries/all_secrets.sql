SELECT s.key, s.sealed FROM alyx._secret s ORDER BY s.key USING OPERATOR(pg_catalog.<) FOR UPDATE
