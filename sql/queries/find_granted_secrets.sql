-- Ciphertext of the secrets that a function was granted, by name; $1 is its id.
SELECT pg_catalog.jsonb_object_agg(s.key, pg_catalog.encode(s.sealed, 'base64'))
FROM alyx._secret_grant g
JOIN alyx._secret s ON s.key OPERATOR(pg_catalog.=) g.key
WHERE g.function_id OPERATOR(pg_catalog.=) $1
