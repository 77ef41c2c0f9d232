-- After CREATE EXTENSION alyx_functions: psql -v wasm=/path/readable/by/the/server/audit.wasm -f bind.sql
\set ON_ERROR_STOP on

CREATE TABLE IF NOT EXISTS public.audit_log (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor       text NOT NULL,
    op          text NOT NULL,
    schema_name text NOT NULL,
    table_name  text NOT NULL,
    old_row     jsonb,
    new_row     jsonb,
    changed     text[] NOT NULL
);

-- It runs as its owner, so that no writer needs a right on the log; the actor is who fired the trigger all the same.
SELECT function, version, changed FROM fn_deploy('audit', pg_read_binary_file(:'wasm'), $manifest$
description: Records every change of the tables it is attached to
run_as: owner
database: write
env: { AUDIT_LOG: public.audit_log }
timeout: 2s
memory: 32mb
$manifest$);

CREATE TABLE IF NOT EXISTS accounts (
    id      int PRIMARY KEY,
    email   text NOT NULL,
    balance numeric(12, 2) NOT NULL
);

-- One function, every operation: TRUNCATE has no rows, so it is a statement trigger.
CREATE OR REPLACE TRIGGER audit_rows AFTER INSERT OR UPDATE OR DELETE ON accounts FOR EACH ROW EXECUTE FUNCTION audit();
CREATE OR REPLACE TRIGGER audit_truncate AFTER TRUNCATE ON accounts FOR EACH STATEMENT EXECUTE FUNCTION audit();
