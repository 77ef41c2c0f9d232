-- Deploys of one function take turns here; the row is read again under the lock.
SELECT f.owner::pg_catalog.oid, f.version, f.schema FROM alyx._function f WHERE f.name OPERATOR(pg_catalog.=) $1 FOR UPDATE
