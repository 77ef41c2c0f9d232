-- On a server with shared_preload_libraries = 'alyx_functions', after CREATE EXTENSION alyx_functions, in this folder:
-- psql -v wasm=/path/readable/by/the/server/nightly-report.wasm -f bind.sql
\set ON_ERROR_STOP on
\set manifest `cat manifest.yaml`

CREATE SCHEMA IF NOT EXISTS sales;
CREATE TABLE IF NOT EXISTS sales.orders (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    placed_at timestamptz NOT NULL DEFAULT now(),
    total     numeric(12, 2) NOT NULL
);
CREATE INDEX IF NOT EXISTS orders_placed_at ON sales.orders (placed_at);
CREATE TABLE IF NOT EXISTS sales.report (
    day     date PRIMARY KEY,
    orders  bigint NOT NULL,
    revenue numeric NOT NULL
);

-- The manifest's hook makes the schedule.
SELECT function, version, changed FROM fn_deploy('nightly-report', pg_read_binary_file(:'wasm'), :'manifest');
