SELECT n.key
FROM pg_catalog.unnest($2::pg_catalog.text[]) n(key)
WHERE NOT EXISTS (
    SELECT FROM alyx._secret_grant g
    JOIN alyx._function f ON f.id OPERATOR(pg_catalog.=) g.function_id
    WHERE g.key OPERATOR(pg_catalog.=) n.key AND f.name OPERATOR(pg_catalog.=) $1)
