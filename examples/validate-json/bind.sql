-- After CREATE EXTENSION alyx_functions, in this folder: psql -v wasm=/path/readable/by/the/server/validate-json.wasm -f bind.sql
\set ON_ERROR_STOP on
\set manifest `cat manifest.yaml`

CREATE SCHEMA IF NOT EXISTS intake;
CREATE TABLE IF NOT EXISTS intake.submissions (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payload jsonb NOT NULL
);

-- The manifest's hook makes the trigger.
SELECT function, version, changed FROM fn_deploy('validate-json', pg_read_binary_file(:'wasm'), :'manifest');
