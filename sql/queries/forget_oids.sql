-- After pg_upgrade functions of LANGUAGE javascript have other OIDs: what was recorded under the old ones must not be shown to
-- the owners of those that have them now. The records stay, as those of functions that are gone.
WITH invocations AS (UPDATE alyx._invocation SET function_id = 0 WHERE function_id OPERATOR(pg_catalog.<) 0),
     logs AS (UPDATE alyx._log SET function_id = 0 WHERE function_id OPERATOR(pg_catalog.<) 0),
     minutes AS (DELETE FROM alyx._statistics_minute WHERE function_id OPERATOR(pg_catalog.<) 0)
DELETE FROM alyx._statistics WHERE function_id OPERATOR(pg_catalog.<) 0
