-- When a trigger fires: (O)rigin, (A)lways, on (R)eplicas, (D)isabled.
SELECT t.tgenabled::pg_catalog.text FROM pg_catalog.pg_trigger t
WHERE t.tgrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1) AND t.tgname OPERATOR(pg_catalog.=) $2::pg_catalog.name
