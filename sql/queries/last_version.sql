-- Numbers are never given twice, also not after a rollback to an older version.
SELECT pg_catalog.max(v.version) FROM alyx._version v WHERE v.function OPERATOR(pg_catalog.=) $1
