-- What the gateway keeps and asks for. Roles, rights and proofs are decided here; the gateway carries bytes.

-- Replies that are given again under an idempotency key, for a day. key and fingerprint are hashes: of who asks and under
-- which key, and of what is asked.
CREATE TABLE alyx._reply (
    function_id bigint      NOT NULL,
    key         bytea       NOT NULL CHECK (octet_length(key) = 32),
    fingerprint bytea       NOT NULL CHECK (octet_length(fingerprint) = 32),
    reply       bytea       NOT NULL,
    stored_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (function_id, key)
);
CREATE INDEX _reply_stored_at ON alyx._reply (stored_at);

-- Deliveries of webhooks that have become jobs, for a week: longer than any sender tries.
CREATE TABLE alyx._delivery (
    function_id bigint      NOT NULL,
    path        text        NOT NULL,
    id          text        COLLATE "C" NOT NULL,
    job         uuid        NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (function_id, path, id)
);
CREATE INDEX _delivery_received_at ON alyx._delivery (received_at);

-- A path leads to one function.
CREATE UNIQUE INDEX _hook_webhook ON alyx._hook ((definition ->> 'path')) WHERE type = 'webhook';

SELECT pg_catalog.pg_extension_config_dump('alyx._reply', '');
SELECT pg_catalog.pg_extension_config_dump('alyx._delivery', '');

CREATE FUNCTION alyx._http_call(request text, body bytea) RETURNS bytea
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'alyx_http_call';
COMMENT ON FUNCTION alyx._http_call(text, bytea) IS
    'a request to a function, as the role of its token: for the gateway; the role is kept to the end of the transaction';
CREATE FUNCTION alyx._http_assume(request text) RETURNS void
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'alyx_http_assume';
COMMENT ON FUNCTION alyx._http_assume(text) IS 'makes the rest of the transaction that of a token''s role: for the gateway';
CREATE FUNCTION alyx._http_deliver(request text, body bytea) RETURNS jsonb
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'alyx_http_deliver';
COMMENT ON FUNCTION alyx._http_deliver(text, bytea) IS 'a delivery of a webhook, once it is proved: for the gateway';
CREATE FUNCTION alyx._http_functions() RETURNS jsonb
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'alyx_http_functions';
COMMENT ON FUNCTION alyx._http_functions() IS 'what the current role could call over HTTP, with schemas: for the gateway';
