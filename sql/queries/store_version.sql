INSERT INTO alyx._version (function, version, sha256, manifest, export, deployed_by)
VALUES ($1, $2, $3, $4, $5, $6::pg_catalog.oid)
