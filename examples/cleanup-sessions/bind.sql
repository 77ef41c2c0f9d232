-- On a server with shared_preload_libraries = 'alyx_functions', after CREATE EXTENSION alyx_functions, in this folder:
-- psql -v wasm=/path/readable/by/the/server/cleanup-sessions.wasm -f bind.sql
\set ON_ERROR_STOP on
\set manifest `cat manifest.yaml`

CREATE SCHEMA IF NOT EXISTS web;
CREATE TABLE IF NOT EXISTS web.sessions (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_name  text NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS sessions_by_expiry ON web.sessions (expires_at);

-- The manifest's hook makes the schedule.
SELECT function, version, changed FROM fn_deploy('cleanup-sessions', pg_read_binary_file(:'wasm'), :'manifest');
