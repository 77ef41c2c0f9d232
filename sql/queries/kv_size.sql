-- How many entries, how many bytes, and the bytes of one entry (-1 when there is none). Asked now and then, not at every
-- write: see src/host/kv.rs.
SELECT pg_catalog.count(*), COALESCE(pg_catalog.sum(k.bytes), 0),
       COALESCE(pg_catalog.sum(k.bytes) FILTER (WHERE k.key OPERATOR(pg_catalog.=) $2), -1)
FROM alyx._kv k
WHERE k.function_id OPERATOR(pg_catalog.=) $1
