-- Only when the compiled artefact is missing or stale: the bytes are large.
SELECT m.wasm FROM alyx._module m WHERE m.sha256 OPERATOR(pg_catalog.=) $1
