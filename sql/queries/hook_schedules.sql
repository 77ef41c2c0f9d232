-- What a schedule of a manifest is, but for its place in the list: one that stays keeps its next instant.
SELECT s.id, pg_catalog.jsonb_build_array(s.cron, s.timezone, s.input, s.overlap, s.missed)::pg_catalog.text
FROM alyx._schedule s WHERE s.function_id OPERATOR(pg_catalog.=) $1 AND s.hook IS NOT NULL ORDER BY s.hook FOR UPDATE
