-- SQL functions bound to a deployed function ('name' or 'name:export') by roles that the caller has the rights of. What
-- others have bound cannot be called and must not stand in the owner's way.
SELECT p.oid::pg_catalog.regprocedure::pg_catalog.text, p.oid
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_language l ON l.oid OPERATOR(pg_catalog.=) p.prolang
WHERE l.lanname OPERATOR(pg_catalog.=) 'wasm'::pg_catalog.name
  AND pg_catalog.pg_has_role(p.proowner, 'USAGE')
  AND (p.prosrc OPERATOR(pg_catalog.=) $1 OR pg_catalog.starts_with(p.prosrc, $1 OPERATOR(pg_catalog.||) ':'))
ORDER BY p.oid
