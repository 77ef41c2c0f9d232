SELECT s.id, s.cron, s.timezone, EXTRACT(epoch FROM s.anchor)::pg_catalog.int8, EXTRACT(epoch FROM s.next_run_at)::pg_catalog.int8,
       EXTRACT(epoch FROM s.previous_run_at)::pg_catalog.int8
FROM alyx._schedule s WHERE s.next_run_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp()
