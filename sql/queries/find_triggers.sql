-- Triggers of one relation that run a deployed function; clones on partitions go with their parent.
SELECT t.tgname
FROM pg_catalog.pg_trigger t
JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) t.tgfoid
JOIN pg_catalog.pg_language l ON l.oid OPERATOR(pg_catalog.=) p.prolang
WHERE t.tgrelid OPERATOR(pg_catalog.=) $2::pg_catalog.oid AND NOT t.tgisinternal
  AND t.tgparentid OPERATOR(pg_catalog.=) 0::pg_catalog.oid
  AND l.lanname OPERATOR(pg_catalog.=) 'wasm'::pg_catalog.name
  AND (p.prosrc OPERATOR(pg_catalog.=) $1 OR pg_catalog.starts_with(p.prosrc, $1 OPERATOR(pg_catalog.||) ':'))
ORDER BY t.tgname
