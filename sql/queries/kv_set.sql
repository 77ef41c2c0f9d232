-- One statement, so that two sessions that set one key take turns on its row and neither fails.
INSERT INTO alyx._kv AS k (function_id, key, value, bytes, expires_at)
VALUES ($1, $2, $3, $4, pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+)
                        pg_catalog.make_interval(secs => $5::pg_catalog.float8 OPERATOR(pg_catalog./) 1000::pg_catalog.float8))
ON CONFLICT (function_id, key)
DO UPDATE SET value = excluded.value, bytes = excluded.bytes, expires_at = excluded.expires_at
