-- The SQL function that callers need EXECUTE on for fn_invoke: name(jsonb) where deploy made it. $1 is the function's
-- name, $2 its schema, $3 its owner.
SELECT p.oid
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_language l ON l.oid OPERATOR(pg_catalog.=) p.prolang
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
WHERE n.nspname OPERATOR(pg_catalog.=) $2::pg_catalog.name
  AND p.proname OPERATOR(pg_catalog.=) $1::pg_catalog.name
  AND p.pronargs OPERATOR(pg_catalog.=) 1::pg_catalog.int2
  AND p.proargtypes[0] OPERATOR(pg_catalog.=) 'pg_catalog.jsonb'::pg_catalog.regtype
  AND l.lanname OPERATOR(pg_catalog.=) 'wasm'::pg_catalog.name
  AND p.prosrc OPERATOR(pg_catalog.=) $1
  -- Made by someone without the owner's rights it cannot be called, so it must not grant calls either.
  AND pg_catalog.pg_has_role(p.proowner, $3::pg_catalog.oid, 'USAGE')
