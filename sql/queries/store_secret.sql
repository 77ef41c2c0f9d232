-- One statement, so that nobody gets in between the question whose secret it is and the change. No row: another's.
INSERT INTO alyx._secret AS s (key, owner, sealed)
VALUES ($1, $2::pg_catalog.oid, $3)
ON CONFLICT (key) DO UPDATE SET sealed = excluded.sealed, updated_at = pg_catalog.now()
WHERE pg_catalog.pg_has_role($2::pg_catalog.oid, s.owner::pg_catalog.oid, 'USAGE')
RETURNING s.key
