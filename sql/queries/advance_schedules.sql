-- unnest of several arrays is found by this name alone, whatever the search_path: the parser turns it into pg_catalog's.
UPDATE alyx._schedule s
SET next_run_at = CASE WHEN n.next_s OPERATOR(pg_catalog.<>) 0 THEN pg_catalog.to_timestamp(n.next_s::pg_catalog.float8) END,
    previous_run_at = CASE WHEN n.previous_s OPERATOR(pg_catalog.<>) 0 THEN pg_catalog.to_timestamp(n.previous_s::pg_catalog.float8)
                           ELSE s.previous_run_at END,
    skipped = s.skipped OPERATOR(pg_catalog.+) n.skipped, last_error = n.error
FROM unnest($1, $2, $3, $4, $5) AS n(id, next_s, previous_s, skipped, error)
WHERE s.id OPERATOR(pg_catalog.=) n.id
