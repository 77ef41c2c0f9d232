-- On a server with shared_preload_libraries = 'alyx_functions', after CREATE EXTENSION alyx_functions, in this folder:
-- psql -v wasm=/path/readable/by/the/server/notify.wasm -f bind.sql
\set ON_ERROR_STOP on
\set manifest `cat manifest.yaml`

CREATE SCHEMA IF NOT EXISTS notify;
CREATE TABLE IF NOT EXISTS notify.customers (
    name         text PRIMARY KEY,
    email        text,
    is_confirmed boolean NOT NULL DEFAULT false
);
CREATE TABLE IF NOT EXISTS notify.orders (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer text NOT NULL REFERENCES notify.customers,
    status   text NOT NULL DEFAULT 'open'
);
CREATE TABLE IF NOT EXISTS notify.outbox (
    order_id bigint PRIMARY KEY REFERENCES notify.orders,
    email    text NOT NULL,
    body     text NOT NULL,
    job      uuid NOT NULL UNIQUE,
    attempt  int NOT NULL
);

-- The manifest's hook makes the trigger.
SELECT function, version, changed FROM fn_deploy('notify', pg_read_binary_file(:'wasm'), :'manifest');
