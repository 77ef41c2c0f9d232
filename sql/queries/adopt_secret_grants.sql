-- Grants that waited for this name, of secrets that the deployer ($2) could grant as well. Others go on waiting.
UPDATE alyx._secret_grant g
SET function_id = f.id
FROM alyx._secret s, alyx._function f
WHERE g.function OPERATOR(pg_catalog.=) $1 AND g.function_id IS NULL
  AND f.name OPERATOR(pg_catalog.=) g.function AND s.key OPERATOR(pg_catalog.=) g.key
  AND pg_catalog.pg_has_role($2::pg_catalog.oid, s.owner::pg_catalog.oid, 'USAGE')
