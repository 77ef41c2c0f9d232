INSERT INTO alyx._function (name, owner, version, schema) VALUES ($1, $2::pg_catalog.oid, 0, $3) ON CONFLICT (name) DO NOTHING
