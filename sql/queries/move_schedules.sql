UPDATE alyx._schedule s SET next_run_at = pg_catalog.to_timestamp(n.next_s::pg_catalog.float8)
FROM unnest($1, $2) AS n(id, next_s) WHERE s.id OPERATOR(pg_catalog.=) n.id
