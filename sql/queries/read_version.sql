SELECT v.sha256, v.manifest, v.export FROM alyx._version v
WHERE v.function OPERATOR(pg_catalog.=) $1 AND v.version OPERATOR(pg_catalog.=) $2
