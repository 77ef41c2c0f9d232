INSERT INTO alyx._hook (function, position, type, definition, relation, trigger)
VALUES ($1, $2, $3, $4::pg_catalog.jsonb, $5, $6)
