-- All records of one drain in one statement; one array for each column, taken apart side by side without being stored.
INSERT INTO alyx._invocation (failed, id, function, export, trigger, status, sqlstate, error,
                              function_id, version, role, duration_ns, memory_bytes, host_calls, rows, attempt,
                              started_at, pid)
SELECT r.status OPERATOR(pg_catalog.<>) 'ok', r.id::pg_catalog.uuid, r.function, r.export, r.trigger, r.status, r.sqlstate, r.error,
       r.function_id, r.version, r.role::pg_catalog.oid, r.duration_ns, r.memory_bytes, r.host_calls, r.rows, r.attempt,
       '1970-01-01 00:00:00+00'::pg_catalog.timestamptz
           OPERATOR(pg_catalog.+) (r.started_us OPERATOR(pg_catalog.*) '1 microsecond'::pg_catalog.interval), r.pid
FROM (SELECT pg_catalog.unnest($1) AS id, pg_catalog.unnest($2) AS function, pg_catalog.unnest($3) AS export,
             pg_catalog.unnest($4) AS trigger, pg_catalog.unnest($5) AS status, pg_catalog.unnest($6) AS sqlstate,
             pg_catalog.unnest($7) AS error, pg_catalog.unnest($8) AS function_id, pg_catalog.unnest($9) AS version,
             pg_catalog.unnest($10) AS role, pg_catalog.unnest($11) AS duration_ns, pg_catalog.unnest($12) AS memory_bytes,
             pg_catalog.unnest($13) AS host_calls, pg_catalog.unnest($14) AS rows, pg_catalog.unnest($15) AS attempt,
             pg_catalog.unnest($16) AS started_us, pg_catalog.unnest($17) AS pid) r
