-- After CREATE EXTENSION alyx_functions: psql -v wasm=/path/readable/by/the/server/stock.wasm -f bind.sql
\set ON_ERROR_STOP on

SELECT function, version, changed FROM fn_deploy('stock', pg_read_binary_file(:'wasm'), $manifest$
description: Takes ordered pieces from the stock and counts them in the customer's profile
database: write
timeout: 2s
memory: 8mb
$manifest$);

CREATE TABLE IF NOT EXISTS products (
    id    int PRIMARY KEY,
    name  text NOT NULL,
    stock int NOT NULL CHECK (stock >= 0)
);
CREATE TABLE IF NOT EXISTS profiles (
    customer text PRIMARY KEY,
    orders   int NOT NULL,
    pieces   int NOT NULL
);
CREATE TABLE IF NOT EXISTS orders (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer   text NOT NULL,
    product_id int NOT NULL REFERENCES products,
    qty        int NOT NULL CHECK (qty > 0)
);

CREATE OR REPLACE TRIGGER take_from_stock AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION stock();
