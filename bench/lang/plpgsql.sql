-- label: PL/pgSQL
CREATE OR REPLACE FUNCTION plpgsql_noop(i int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN i; END $$;

CREATE OR REPLACE FUNCTION plpgsql_json(j jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN RETURN jsonb_build_object('message', 'Hello, ' || (j->>'name') || '!'); END $$;

CREATE OR REPLACE FUNCTION plpgsql_sieve(n int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE composite boolean[] := array_fill(false, ARRAY[n]); primes int := 0; i int := 2; j int;
BEGIN
  WHILE i * i < n LOOP
    IF NOT composite[i] THEN
      j := i * i;
      WHILE j < n LOOP composite[j] := true; j := j + i; END LOOP;
    END IF;
    i := i + 1;
  END LOOP;
  FOR k IN 2 .. n - 1 LOOP IF NOT composite[k] THEN primes := primes + 1; END IF; END LOOP;
  RETURN primes;
END $$;

CREATE OR REPLACE FUNCTION plpgsql_trg_noop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;

CREATE OR REPLACE FUNCTION plpgsql_trg_slug() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.slug := regexp_replace(lower(NEW.title), '[^a-z0-9]+', '-', 'g'); RETURN NEW; END $$;

CREATE OR REPLACE FUNCTION plpgsql_trg_stock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN UPDATE b_stock SET stock = stock - NEW.qty WHERE id = NEW.product_id; RETURN NULL; END $$;
