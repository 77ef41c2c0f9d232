-- What functions keep: entries of their own (kv_*), and secrets that were granted to them.

-- Entries of a function, whoever calls it. By id: a function that is dropped and deployed anew under its name starts with
-- none. json keeps every digit of a number.
CREATE TABLE alyx._kv (
    function_id bigint      NOT NULL,
    key         text        COLLATE "C" NOT NULL,
    value       json        NOT NULL,
    bytes       int         NOT NULL,
    expires_at  timestamptz,
    PRIMARY KEY (function_id, key)
);
CREATE INDEX _kv_expires ON alyx._kv (expires_at) WHERE expires_at IS NOT NULL;

-- Ciphertext; the key is in a file of the server. A secret belongs to the role that set it first.
CREATE TABLE alyx._secret (
    key        text        PRIMARY KEY CHECK (key ~ '^[A-Za-z_][A-Za-z0-9_]{0,254}$'),
    owner      regrole     NOT NULL,
    sealed     bytea       NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- A grant without an id waits for a function to be deployed under the name, by someone with the rights of the secret's
-- owner.
CREATE TABLE alyx._secret_grant (
    key         text   NOT NULL,
    function    text   NOT NULL,
    function_id bigint,
    PRIMARY KEY (key, function)
);

SELECT pg_catalog.pg_extension_config_dump('alyx._kv', '');
SELECT pg_catalog.pg_extension_config_dump('alyx._secret', '');
SELECT pg_catalog.pg_extension_config_dump('alyx._secret_grant', '');

CREATE VIEW alyx.secrets WITH (security_barrier) AS
SELECT s.key, s.owner,
       ARRAY(SELECT g.function FROM alyx._secret_grant g WHERE g.key = s.key ORDER BY g.function) AS granted_to,
       s.updated_at
FROM alyx._secret s
WHERE alyx._is_visible(s.owner);
COMMENT ON VIEW alyx.secrets IS 'secrets that the current role owns, and the functions they are granted to; never a value';
GRANT SELECT ON alyx.secrets TO PUBLIC;

CREATE FUNCTION alyx._set_secret(key text, value text) RETURNS jsonb
LANGUAGE c AS 'MODULE_PATHNAME', 'alyx_set_secret';
CREATE FUNCTION alyx._grant_secret(key text, name text, granted boolean) RETURNS jsonb
LANGUAGE c AS 'MODULE_PATHNAME', 'alyx_grant_secret';
CREATE FUNCTION alyx._rotate_secret_key() RETURNS bigint
LANGUAGE c AS 'MODULE_PATHNAME', 'alyx_rotate_secret_key';
REVOKE EXECUTE ON FUNCTION alyx._rotate_secret_key() FROM PUBLIC;

CREATE FUNCTION fn_set_secret(key text, value text) RETURNS void
LANGUAGE sql VOLATILE AS $$ SELECT alyx._set_secret(fn_set_secret.key, fn_set_secret.value) $$;
COMMENT ON FUNCTION fn_set_secret(text, text) IS
    'sets a secret, encrypted at rest and never readable by SQL; NULL drops it and its grants';

CREATE FUNCTION fn_grant_secret(key text, name text) RETURNS void
LANGUAGE sql VOLATILE AS $$ SELECT alyx._grant_secret(fn_grant_secret.key, fn_grant_secret.name, true) $$;
COMMENT ON FUNCTION fn_grant_secret(text, text) IS
    'lets a function read a secret that its manifest lists';

CREATE FUNCTION fn_revoke_secret(key text, name text) RETURNS void
LANGUAGE sql VOLATILE AS $$ SELECT alyx._grant_secret(fn_revoke_secret.key, fn_revoke_secret.name, false) $$;
COMMENT ON FUNCTION fn_revoke_secret(text, text) IS 'takes a secret from a function';

CREATE FUNCTION fn_rotate_secret_key() RETURNS bigint
LANGUAGE sql VOLATILE AS $$ SELECT alyx._rotate_secret_key() $$;
REVOKE EXECUTE ON FUNCTION fn_rotate_secret_key() FROM PUBLIC;
COMMENT ON FUNCTION fn_rotate_secret_key() IS
    'adds a new key to the server''s key file, encrypts all secrets of this database with it, and returns how many; older keys stay in the file';
