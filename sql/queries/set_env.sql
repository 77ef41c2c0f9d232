UPDATE alyx._function f
SET env = CASE WHEN $3 IS NULL THEN f.env OPERATOR(pg_catalog.-) $2
               ELSE f.env OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object($2, $3) END
WHERE f.name OPERATOR(pg_catalog.=) $1
