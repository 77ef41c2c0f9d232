-- What has been counted since the snapshot before belongs to the minute that is ending.
INSERT INTO alyx._statistics_minute (minute, function_id, counters)
SELECT pg_catalog.date_trunc('minute', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) '1 second'::pg_catalog.interval),
       r.function_id, r.counters::pg_catalog.int8[]
FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS r(function_id, counters)
