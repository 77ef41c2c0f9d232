\set ON_ERROR_STOP on
INSERT INTO products VALUES (1, 'Teapot', 10), (2, 'Lamp "Ada"', 1)
ON CONFLICT (id) DO UPDATE SET stock = excluded.stock;

INSERT INTO orders (customer, product_id, qty) VALUES ('zoe', 1, 3), ('zoe', 2, 1), ('max', 1, 2);
SELECT id, name, stock FROM products ORDER BY id;
SELECT customer, orders, pieces FROM profiles ORDER BY customer;

-- Sold out: one error with a hint, and nothing of the order stays, not even the teapot that was there.
\set ON_ERROR_STOP off
\set SHOW_CONTEXT never
INSERT INTO orders (customer, product_id, qty) VALUES ('max', 1, 1), ('max', 2, 1);
\echo SQLSTATE :LAST_ERROR_SQLSTATE
\set SHOW_CONTEXT errors
\set ON_ERROR_STOP on

SELECT id, name, stock FROM products ORDER BY id;
SELECT customer, orders, pieces FROM profiles ORDER BY customer;
