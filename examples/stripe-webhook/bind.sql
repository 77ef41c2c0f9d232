-- After CREATE EXTENSION alyx_functions, in this folder: psql -v wasm=/path/readable/by/the/server/stripe-webhook.wasm -f bind.sql
\set ON_ERROR_STOP on
\set manifest `cat manifest.yaml`

CREATE SCHEMA IF NOT EXISTS billing;
CREATE TABLE IF NOT EXISTS billing.events (
    id          text PRIMARY KEY,
    type        text NOT NULL,
    payload     jsonb NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS billing.payments (
    invoice      text PRIMARY KEY,
    customer     text NOT NULL,
    amount_cents bigint NOT NULL,
    currency     text NOT NULL,
    paid_at      timestamptz NOT NULL
);

-- Stripe's signing secret of the endpoint: kept encrypted, readable by this function alone.
SELECT fn_set_secret('STRIPE_SECRET', 'whsec_example');
SELECT fn_grant_secret('STRIPE_SECRET', 'stripe-webhook');

SELECT function, version, changed FROM fn_deploy('stripe-webhook', pg_read_binary_file(:'wasm'), :'manifest');
