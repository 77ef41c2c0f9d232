-- One row by primary key, run once per backend and deploy: a new session's first call waits for its plan, so it joins no
-- more than it must. Operators are qualified: the caller chooses search_path, and this runs with the rights of the
-- extension's owner.
SELECT f.name, f.owner::pg_catalog.oid, f.version, v.sha256, v.manifest, v.export, f.env::pg_catalog.text, f.schema, f.id, f.paused
FROM alyx._function f
JOIN alyx._version v ON v.function OPERATOR(pg_catalog.=) f.name AND v.version OPERATOR(pg_catalog.=) f.version
WHERE f.name OPERATOR(pg_catalog.=) $1
