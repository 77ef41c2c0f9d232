-- The same bytes may serve many functions and versions.
INSERT INTO alyx._module (sha256, wasm) VALUES ($1, $2) ON CONFLICT (sha256) DO NOTHING
