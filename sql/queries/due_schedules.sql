-- Locked until their next instant is written with the jobs of this one: nobody else can fire the same instant.
-- The time is a parameter: clock_timestamp() is volatile, and no index is searched with it.
SELECT s.id, s.function_id, s.cron, s.timezone, s.input, s.overlap, s.missed, s.role::pg_catalog.oid,
       EXTRACT(epoch FROM s.anchor)::pg_catalog.int8, EXTRACT(epoch FROM s.next_run_at)::pg_catalog.int8,
       EXTRACT(epoch FROM s.previous_run_at)::pg_catalog.int8,
       (SELECT pg_catalog.count(*) FROM alyx._job j WHERE j.schedule_id OPERATOR(pg_catalog.=) s.id AND j.lease IS NOT NULL),
       (SELECT pg_catalog.count(*) FROM alyx._job j WHERE j.schedule_id OPERATOR(pg_catalog.=) s.id AND j.lease IS NULL)
         OPERATOR(pg_catalog.+)
       (SELECT pg_catalog.count(*) FROM alyx._deferred d WHERE d.schedule_id OPERATOR(pg_catalog.=) s.id)
FROM alyx._schedule s
WHERE s.next_run_at OPERATOR(pg_catalog.<=) pg_catalog.to_timestamp($1::pg_catalog.float8 OPERATOR(pg_catalog./) 1000000)
ORDER BY s.next_run_at LIMIT 500 FOR UPDATE SKIP LOCKED
