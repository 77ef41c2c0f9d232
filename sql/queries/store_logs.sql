-- All log lines of one drain in one statement; one array for each column, as for records.
INSERT INTO alyx._log (failed, logged_at, invocation, function_id, function, line, level, message)
SELECT r.failed OPERATOR(pg_catalog.=) 1,
       '1970-01-01 00:00:00+00'::pg_catalog.timestamptz
           OPERATOR(pg_catalog.+) (r.logged_us OPERATOR(pg_catalog.*) '1 microsecond'::pg_catalog.interval),
       r.invocation::pg_catalog.uuid, r.function_id, r.function, r.line, r.level, r.message
FROM (SELECT pg_catalog.unnest($1) AS failed, pg_catalog.unnest($2) AS logged_us, pg_catalog.unnest($3) AS invocation,
             pg_catalog.unnest($4) AS function_id, pg_catalog.unnest($5) AS function, pg_catalog.unnest($6) AS line,
             pg_catalog.unnest($7) AS level, pg_catalog.unnest($8) AS message) r
