-- All log lines of one drain in one statement; one array for each column.
INSERT INTO alyx._log (failed, logged_at, invocation, function_id, function, line, level, message)
SELECT r.failed OPERATOR(pg_catalog.=) 1,
       '1970-01-01 00:00:00+00'::pg_catalog.timestamptz
           OPERATOR(pg_catalog.+) (r.logged_us OPERATOR(pg_catalog.*) '1 microsecond'::pg_catalog.interval),
       r.invocation::pg_catalog.uuid, r.function_id, r.function, r.line, r.level, r.message
FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4),
                pg_catalog.unnest($5), pg_catalog.unnest($6), pg_catalog.unnest($7), pg_catalog.unnest($8))
     AS r(failed, logged_us, invocation, function_id, function, line, level, message)
