-- A function of this signature that is there already, with its language.
SELECT l.lanname, p.prosrc, p.proowner::pg_catalog.oid
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_language l ON l.oid OPERATOR(pg_catalog.=) p.prolang
WHERE p.oid OPERATOR(pg_catalog.=) pg_catalog.to_regprocedure($1)::pg_catalog.oid
