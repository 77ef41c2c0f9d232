-- Tables of the trigger workloads; @ROWS@ is filled in by bench.py. Targets are unlogged: what is compared is the trigger, not the WAL.
SET client_min_messages = warning;
DROP TABLE IF EXISTS b_src_wide, b_tgt_wide, b_src_blog, b_tgt_blog, b_src_orders, b_tgt_orders, b_stock CASCADE;

CREATE TABLE b_src_wide (id bigint, u uuid, t text, n numeric, ts timestamptz, j jsonb);
INSERT INTO b_src_wide
SELECT i, md5(i::text)::uuid, 'row number ' || i, (i * 1.37)::numeric(12, 2),
       timestamptz '2024-01-01 00:00:00+00' + i * interval '1 second',
       jsonb_build_object('id', i, 'name', 'user' || i, 'tags', jsonb_build_array('a', 'b', i % 7))
FROM generate_series(1, @ROWS@) i;
CREATE UNLOGGED TABLE b_tgt_wide (LIKE b_src_wide);

CREATE TABLE b_src_blog (id bigint, title text);
INSERT INTO b_src_blog SELECT i, 'Hello World, This is Post #' || i || ' & More: A Title!' FROM generate_series(1, @ROWS@) i;
CREATE UNLOGGED TABLE b_tgt_blog (id bigint, title text, slug text);

CREATE TABLE b_src_orders (id bigint, product_id int, qty int);
INSERT INTO b_src_orders SELECT i, (i * 7919::bigint) % 50000 + 1, 1 + i % 5 FROM generate_series(1, @ROWS@ / 4) i;
CREATE UNLOGGED TABLE b_tgt_orders (LIKE b_src_orders);
-- The fill factor leaves room for one new version of each row on its page, so that every UPDATE is a HOT one.
CREATE UNLOGGED TABLE b_stock (id int PRIMARY KEY, name text, stock int) WITH (fillfactor = 45);
VACUUM ANALYZE b_src_wide;
VACUUM ANALYZE b_src_blog;
VACUUM ANALYZE b_src_orders;
