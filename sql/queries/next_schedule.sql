SELECT (EXTRACT(epoch FROM s.next_run_at) OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8 FROM alyx._schedule s
WHERE s.next_run_at IS NOT NULL ORDER BY s.next_run_at LIMIT 1
