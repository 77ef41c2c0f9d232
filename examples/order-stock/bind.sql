-- After CREATE EXTENSION alyx_functions, in this folder: psql -v wasm=/path/readable/by/the/server/order-stock.wasm -f bind.sql
\set ON_ERROR_STOP on
\set manifest `cat manifest.yaml`

CREATE SCHEMA IF NOT EXISTS store;
CREATE TABLE IF NOT EXISTS store.products (
    id          int PRIMARY KEY,
    name        text NOT NULL,
    stock       int NOT NULL CHECK (stock >= 0),
    price_cents int NOT NULL
);
CREATE TABLE IF NOT EXISTS store.orders (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    product_id  int NOT NULL REFERENCES store.products,
    qty         int NOT NULL CHECK (qty > 0),
    total_cents bigint NOT NULL
);

-- The manifest's hook makes the trigger.
SELECT function, version, changed FROM fn_deploy('order-stock', pg_read_binary_file(:'wasm'), :'manifest');
