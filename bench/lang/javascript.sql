-- label: JavaScript (LANGUAGE javascript), instances: @VARIANT@
-- variants: fresh session
CREATE EXTENSION IF NOT EXISTS alyx_functions;

CREATE OR REPLACE FUNCTION javascript_@VARIANT@_noop(i int) RETURNS int LANGUAGE javascript AS $$
// alyx: {instances: @VARIANT@}
return i $$;
CREATE OR REPLACE FUNCTION javascript_@VARIANT@_json(j jsonb) RETURNS jsonb LANGUAGE javascript AS $$
// alyx: {instances: @VARIANT@}
return { message: 'Hello, ' + j.name + '!' } $$;
CREATE OR REPLACE FUNCTION javascript_@VARIANT@_sieve(n int) RETURNS int LANGUAGE javascript AS $$
// alyx: {instances: @VARIANT@}
const composite = new Uint8Array(n); let primes = 0;
for (let i = 2; i * i < n; i++) if (!composite[i]) for (let j = i * i; j < n; j += i) composite[j] = 1;
for (let i = 2; i < n; i++) if (!composite[i]) primes++;
return primes $$;
CREATE OR REPLACE FUNCTION javascript_@VARIANT@_trg_noop() RETURNS trigger LANGUAGE javascript AS $$
// alyx: {instances: @VARIANT@}
$$;
CREATE OR REPLACE FUNCTION javascript_@VARIANT@_trg_slug() RETURNS trigger LANGUAGE javascript AS $$
// alyx: {instances: @VARIANT@}
NEW.slug = NEW.title.toLowerCase().replace(/[^a-z0-9]+/g, '-'); return NEW $$;
CREATE OR REPLACE FUNCTION javascript_@VARIANT@_trg_stock() RETURNS trigger LANGUAGE javascript AS $$
// alyx: {instances: @VARIANT@}
plv8.execute('UPDATE b_stock SET stock = stock - $1 WHERE id = $2', [NEW.qty, NEW.product_id]) $$;
