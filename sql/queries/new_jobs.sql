SELECT n.id::pg_catalog.uuid, n.function_id, n.source, n.role::pg_catalog.oid, n.claims, n.payload, n.priority::pg_catalog.int4,
       'epoch'::pg_catalog.timestamptz OPERATOR(pg_catalog.+) ('1 microsecond'::pg_catalog.interval OPERATOR(pg_catalog.*) n.run_at_us::pg_catalog.float8),
       n.rank, n.ordering_key, n.dedupe_key, CASE WHEN n.schedule_id OPERATOR(pg_catalog.<>) 0 THEN n.schedule_id END, n.depth::pg_catalog.int4
FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
     AS n(id, function_id, source, role, claims, payload, priority, run_at_us, rank, ordering_key, dedupe_key, schedule_id, depth)
