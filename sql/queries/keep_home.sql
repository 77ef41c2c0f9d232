INSERT INTO alyx._home (system_identifier, timeline, database, control_file) VALUES ($1, $2, $3, $4)
ON CONFLICT (is_here) DO UPDATE
SET system_identifier = EXCLUDED.system_identifier, timeline = EXCLUDED.timeline, database = EXCLUDED.database,
    control_file = EXCLUDED.control_file, since = pg_catalog.clock_timestamp()
