INSERT INTO alyx._schedule (function_id, hook, cron, timezone, input, overlap, missed, role, anchor, next_run_at)
VALUES ($1, $2, $3, $4, $5::pg_catalog.jsonb, $6, $7, $8::pg_catalog.oid, pg_catalog.to_timestamp($9::pg_catalog.float8),
        CASE WHEN $10 OPERATOR(pg_catalog.<>) 0 THEN pg_catalog.to_timestamp($10::pg_catalog.float8) END)
RETURNING id
