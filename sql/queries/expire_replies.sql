-- A bounded number at a time, more than can come in a minute, and none that somebody is writing.
DELETE FROM alyx._reply r
WHERE r.ctid OPERATOR(pg_catalog.=) ANY (ARRAY(
    SELECT e.ctid FROM alyx._reply e
    WHERE e.stored_at OPERATOR(pg_catalog.<) (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) '1 day'::pg_catalog.interval)
    LIMIT 100000
    FOR UPDATE SKIP LOCKED))
