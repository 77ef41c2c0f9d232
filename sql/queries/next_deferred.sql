SELECT (EXTRACT(epoch FROM d.run_at) OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8 FROM alyx._deferred d ORDER BY d.run_at LIMIT 1
