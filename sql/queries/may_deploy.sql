SELECT pg_catalog.has_language_privilege('wasm', 'USAGE')
