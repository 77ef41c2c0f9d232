-- label: PL/Lua (Lua 5.3)
-- extension: pllua
CREATE EXTENSION IF NOT EXISTS pllua;

CREATE OR REPLACE FUNCTION pllua_noop(i int) RETURNS int LANGUAGE pllua AS $$ return i $$;

CREATE OR REPLACE FUNCTION pllua_json(j jsonb) RETURNS jsonb LANGUAGE pllua AS $$
return pgtype.jsonb({ message = "Hello, " .. j().name .. "!" })
$$;

CREATE OR REPLACE FUNCTION pllua_sieve(n int) RETURNS int LANGUAGE pllua AS $$
local composite, primes, i = {}, 0, 2
for k = 1, n do composite[k] = false end
while i * i < n do
  if not composite[i] then
    for j = i * i, n - 1, i do composite[j] = true end
  end
  i = i + 1
end
for k = 2, n - 1 do
  if not composite[k] then primes = primes + 1 end
end
return primes
$$;

CREATE OR REPLACE FUNCTION pllua_trg_noop() RETURNS trigger LANGUAGE pllua AS $$ return nil $$;

CREATE OR REPLACE FUNCTION pllua_trg_slug() RETURNS trigger LANGUAGE pllua AS $$
trigger.row.slug = string.gsub(string.lower(trigger.row.title), "[^a-z0-9]+", "-")
$$;

-- What follows "end" runs once, when the function is first called.
CREATE OR REPLACE FUNCTION pllua_trg_stock() RETURNS trigger LANGUAGE pllua AS $$
  plan:execute(new.qty, new.product_id)
  return nil
end
do
  plan = spi.prepare("UPDATE b_stock SET stock = stock - $1 WHERE id = $2", {"int4", "int4"})
$$;
