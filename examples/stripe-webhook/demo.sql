\set ON_ERROR_STOP on
-- Stripe's side, in SQL: HMAC-SHA-256 of "time.body".
CREATE FUNCTION pg_temp.hmac_sha256(message text, key text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    padded bytea := convert_to(key, 'UTF8') || decode(repeat('00', 64 - octet_length(key)), 'hex');
    inner_key bytea := padded;
    outer_key bytea := padded;
BEGIN
    FOR i IN 0..63 LOOP
        inner_key := set_byte(inner_key, i, get_byte(padded, i) # 54);
        outer_key := set_byte(outer_key, i, get_byte(padded, i) # 92);
    END LOOP;
    RETURN encode(sha256(outer_key || sha256(inner_key || convert_to(message, 'UTF8'))), 'hex');
END $$;
CREATE FUNCTION pg_temp.delivery(body text, secret text, at timestamptz DEFAULT now()) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('body', body, 'headers', jsonb_build_object('stripe-signature',
        format('t=%s,v1=%s', t, pg_temp.hmac_sha256(t || '.' || body, secret))))
    FROM (SELECT extract(epoch FROM at)::bigint::text AS t) AS time
$$;
\set body '{"id": "evt_1", "type": "invoice.paid", "created": 1767225600, "data": {"object": {"id": "in_1", "customer": "cus_1", "amount_paid": 4200, "currency": "eur"}}}'

SELECT fn_invoke('stripe-webhook', pg_temp.delivery(:'body', 'whsec_example'));
-- Delivered again, as Stripe does: booked once.
SELECT fn_invoke('stripe-webhook', pg_temp.delivery(:'body', 'whsec_example'));
SELECT invoice, customer, amount_cents, currency, paid_at AT TIME ZONE 'UTC' AS paid_at FROM billing.payments;

-- Signed with another secret, or ten minutes ago: refused, and nothing is written.
\set ON_ERROR_STOP off
SELECT fn_invoke('stripe-webhook', pg_temp.delivery(:'body', 'whsec_wrong'));
SELECT fn_invoke('stripe-webhook', pg_temp.delivery(:'body', 'whsec_example', now() - interval '10 minutes'));
