-- All records of one drain in one statement; one array for each column.
INSERT INTO alyx._invocation (failed, id, function, export, trigger, status, sqlstate, error,
                              function_id, version, role, duration_ns, memory_bytes, host_calls, rows, attempt,
                              started_at, pid)
SELECT r.status OPERATOR(pg_catalog.<>) 'ok', r.id::pg_catalog.uuid, r.function, r.export, r.trigger, r.status, r.sqlstate, r.error,
       r.function_id, r.version, r.role::pg_catalog.oid, r.duration_ns, r.memory_bytes, r.host_calls, r.rows, r.attempt,
       '1970-01-01 00:00:00+00'::pg_catalog.timestamptz
           OPERATOR(pg_catalog.+) (r.started_us OPERATOR(pg_catalog.*) '1 microsecond'::pg_catalog.interval), r.pid
FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4),
                pg_catalog.unnest($5), pg_catalog.unnest($6), pg_catalog.unnest($7), pg_catalog.unnest($8),
                pg_catalog.unnest($9), pg_catalog.unnest($10), pg_catalog.unnest($11), pg_catalog.unnest($12),
                pg_catalog.unnest($13), pg_catalog.unnest($14), pg_catalog.unnest($15), pg_catalog.unnest($16),
                pg_catalog.unnest($17))
     AS r(id, function, export, trigger, status, sqlstate, error,
          function_id, version, role, duration_ns, memory_bytes, host_calls, rows, attempt, started_us, pid)
