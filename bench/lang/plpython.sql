-- label: PL/Python (with the jsonb transform)
-- extension: jsonb_plpython3u
CREATE EXTENSION IF NOT EXISTS jsonb_plpython3u CASCADE;

CREATE OR REPLACE FUNCTION plpython_noop(i int) RETURNS int LANGUAGE plpython3u AS $$ return i $$;

CREATE OR REPLACE FUNCTION plpython_json(j jsonb) RETURNS jsonb TRANSFORM FOR TYPE jsonb LANGUAGE plpython3u AS $$
return {"message": f"Hello, {j['name']}!"}
$$;

CREATE OR REPLACE FUNCTION plpython_sieve(n int) RETURNS int LANGUAGE plpython3u AS $$
composite = bytearray(n)
i = 2
while i * i < n:
    if not composite[i]:
        for j in range(i * i, n, i):
            composite[j] = 1
    i += 1
primes = 0
for k in range(2, n):
    if not composite[k]:
        primes += 1
return primes
$$;

CREATE OR REPLACE FUNCTION plpython_trg_noop() RETURNS trigger LANGUAGE plpython3u AS $$ return None $$;

CREATE OR REPLACE FUNCTION plpython_trg_slug() RETURNS trigger LANGUAGE plpython3u AS $$
if "pattern" not in SD:
    import re
    SD["pattern"] = re.compile("[^a-z0-9]+")
new = TD["new"]
new["slug"] = SD["pattern"].sub("-", new["title"].lower())
return "MODIFY"
$$;

CREATE OR REPLACE FUNCTION plpython_trg_stock() RETURNS trigger LANGUAGE plpython3u AS $$
if "plan" not in SD:
    SD["plan"] = plpy.prepare("UPDATE b_stock SET stock = stock - $1 WHERE id = $2", ["int", "int"])
SD["plan"].execute([TD["new"]["qty"], TD["new"]["product_id"]])
$$;
