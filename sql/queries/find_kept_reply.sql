SELECT r.fingerprint, r.reply
FROM alyx._reply r
WHERE r.function_id OPERATOR(pg_catalog.=) $1 AND r.key OPERATOR(pg_catalog.=) $2
  AND r.stored_at OPERATOR(pg_catalog.>=) (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) '1 day'::pg_catalog.interval)
