-- As many entries as were asked for and as fit into an answer, but at least one; and how many more there would have been.
SELECT e.key, e.value::pg_catalog.text, pg_catalog.to_json(e.expires_at)::pg_catalog.text, e.found
FROM (SELECT k.key, k.value, k.expires_at,
             pg_catalog.row_number() OVER w AS n, pg_catalog.sum(k.bytes) OVER w AS bytes, pg_catalog.count(*) OVER () AS found
      FROM (SELECT i.key, i.value, i.expires_at, i.bytes
            FROM alyx._kv i
            WHERE i.function_id OPERATOR(pg_catalog.=) $1
              AND i.key OPERATOR(pg_catalog.>=) $2 AND pg_catalog.starts_with(i.key, $2)
              AND ($3 IS NULL OR i.key OPERATOR(pg_catalog.>) $3)
              AND (i.expires_at IS NULL OR i.expires_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp())
            ORDER BY i.key USING OPERATOR(pg_catalog.<)
            LIMIT $4 OPERATOR(pg_catalog.+) 1) k
      WINDOW w AS (ORDER BY k.key USING OPERATOR(pg_catalog.<))) e
WHERE e.n OPERATOR(pg_catalog.<=) $4
  AND (e.n OPERATOR(pg_catalog.=) 1 OR e.bytes OPERATOR(pg_catalog.<=) $5)
ORDER BY e.key USING OPERATOR(pg_catalog.<)
