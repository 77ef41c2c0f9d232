-- Partitions whose last moment is older than what is kept, in minutes: of records that succeeded, that failed.
SELECT c.relname
FROM pg_catalog.pg_inherits i
JOIN pg_catalog.pg_class p ON p.oid OPERATOR(pg_catalog.=) i.inhparent
JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.inhrelid
WHERE p.relnamespace OPERATOR(pg_catalog.=) 'alyx'::pg_catalog.regnamespace
  AND p.relname OPERATOR(pg_catalog.=) ANY ('{_invocation_ok,_invocation_failed,_log_ok,_log_failed}'::pg_catalog.name[])
  AND (pg_catalog.to_date(pg_catalog.right(c.relname::pg_catalog.text, 8), 'YYYYMMDD') OPERATOR(pg_catalog.+) 1)
          ::pg_catalog.timestamp
      OPERATOR(pg_catalog.<=)
      (pg_catalog.timezone('UTC', pg_catalog.now())
          OPERATOR(pg_catalog.-) pg_catalog.make_interval(mins => CASE WHEN p.relname OPERATOR(pg_catalog.~~) '%_ok' THEN $1 ELSE $2 END))
ORDER BY c.relname
