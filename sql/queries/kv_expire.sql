-- Of one function, or of all: a bounded number at a time, and none that somebody is writing.
DELETE FROM alyx._kv k
WHERE k.ctid OPERATOR(pg_catalog.=) ANY (ARRAY(
    SELECT e.ctid FROM alyx._kv e
    WHERE e.expires_at OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp()
      AND ($1::pg_catalog.int8 IS NULL OR e.function_id OPERATOR(pg_catalog.=) $1::pg_catalog.int8)
    LIMIT 1000
    FOR UPDATE SKIP LOCKED))
