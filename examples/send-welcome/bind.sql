-- On a server with shared_preload_libraries = 'alyx_functions', after CREATE EXTENSION alyx_functions, in this folder:
-- psql -v wasm=/path/readable/by/the/server/send-welcome.wasm -f bind.sql
\set ON_ERROR_STOP on
\set manifest `cat manifest.yaml`

CREATE SCHEMA IF NOT EXISTS welcome;
CREATE TABLE IF NOT EXISTS welcome.users (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL,
    email       text,
    welcomed_at timestamptz
);

-- The service's key: kept encrypted, readable by this function alone.
SELECT fn_set_secret('MAIL_KEY', 'put-your-key-here');
SELECT fn_grant_secret('MAIL_KEY', 'send-welcome');

-- The manifest's hook makes the trigger.
SELECT function, version, changed FROM fn_deploy('send-welcome', pg_read_binary_file(:'wasm'), :'manifest');
