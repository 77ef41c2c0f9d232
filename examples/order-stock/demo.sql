\set ON_ERROR_STOP on
INSERT INTO store.products VALUES (1, 'Teapot', 10, 2500), (2, 'Lamp', 1, 9900);

INSERT INTO store.orders (product_id, qty) VALUES (1, 3), (2, 1) RETURNING product_id, qty, total_cents;
SELECT id, name, stock FROM store.products ORDER BY id;

-- Rolled back, nothing was taken.
BEGIN;
INSERT INTO store.orders (product_id, qty) VALUES (1, 5);
ROLLBACK;
SELECT stock FROM store.products WHERE id = 1;

-- What is not there is refused, and the lines before it are undone: the code is in DETAIL, the field in COLUMN NAME.
\set VERBOSITY verbose
\set ON_ERROR_STOP off
INSERT INTO store.orders (product_id, qty) VALUES (1, 2), (2, 1);
SELECT id, stock FROM store.products ORDER BY id;
