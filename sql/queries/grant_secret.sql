-- The id of the function, or none while nothing is deployed under the name.
INSERT INTO alyx._secret_grant (key, function, function_id)
VALUES ($1, $2, (SELECT f.id FROM alyx._function f WHERE f.name OPERATOR(pg_catalog.=) $2))
ON CONFLICT (key, function) DO UPDATE SET function_id = excluded.function_id
RETURNING function_id
