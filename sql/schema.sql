-- The catalog. Base tables start with an underscore and can be written only through fn_*: no one but the extension's
-- owner has rights on them. The views beside them show each role what it owns.

CREATE SCHEMA alyx;
GRANT USAGE ON SCHEMA alyx TO PUBLIC;
COMMENT ON SCHEMA alyx IS 'catalog of alyx_functions';

-- Module bytes, immutable, named by what they are. EXTERNAL: wasm compresses badly against the time it costs.
CREATE TABLE alyx._module (
    sha256      bytea       PRIMARY KEY CHECK (octet_length(sha256) = 32),
    wasm        bytea       NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE alyx._module ALTER COLUMN wasm SET STORAGE EXTERNAL;

-- regrole, not oid: a dump carries the role's name. The id is what jobs, schedules and statistics belong to: a function
-- that is dropped and deployed anew under its name is another one.
CREATE SEQUENCE alyx._function_id;
CREATE TABLE alyx._function (
    name        text        PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_-]{0,62}$'),
    id          bigint      NOT NULL UNIQUE DEFAULT pg_catalog.nextval('alyx._function_id'),
    owner       regrole     NOT NULL,
    version     int         NOT NULL,
    schema      text        NOT NULL,
    env         jsonb       NOT NULL DEFAULT '{}',
    paused      boolean     NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- No foreign keys between these tables: pg_dump knows no order among an extension's tables, and a parallel restore
-- loads them side by side. fn_* keep them together.
CREATE TABLE alyx._version (
    function    text        NOT NULL,
    version     int         NOT NULL CHECK (version > 0),
    sha256      bytea       NOT NULL,
    manifest    text,
    export      text,
    deployed_by regrole     NOT NULL,
    deployed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (function, version)
);
CREATE INDEX _version_module ON alyx._version (sha256);

-- Hooks of the current version; a database hook names the trigger it made.
CREATE TABLE alyx._hook (
    function     text  NOT NULL,
    position     int   NOT NULL,
    type         text  NOT NULL,
    definition   jsonb NOT NULL,
    relation     text,
    trigger      text,
    PRIMARY KEY (function, position)
);

SELECT pg_catalog.pg_extension_config_dump('alyx._module', '');
SELECT pg_catalog.pg_extension_config_dump('alyx._function', '');
SELECT pg_catalog.pg_extension_config_dump('alyx._function_id', '');
SELECT pg_catalog.pg_extension_config_dump('alyx._version', '');
SELECT pg_catalog.pg_extension_config_dump('alyx._hook', '');

-- Who may see a function: its owner's members, and members of the extension's owner.
CREATE FUNCTION alyx._is_visible(owner regrole) RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT pg_catalog.pg_has_role(owner::oid, 'USAGE')
        OR pg_catalog.pg_has_role((SELECT c.relowner FROM pg_catalog.pg_class c
                                   WHERE c.oid = 'alyx._function'::regclass), 'USAGE');
END;
COMMENT ON FUNCTION alyx._is_visible(regrole) IS 'whether the current role may see what this role owns';

CREATE VIEW alyx.functions WITH (security_barrier) AS
SELECT f.name, f.owner, f.version, f.schema, encode(v.sha256, 'hex') AS sha256, v.export,
       octet_length(m.wasm) AS module_bytes, v.manifest, f.env, f.paused, v.deployed_by, v.deployed_at, f.created_at
FROM alyx._function f
JOIN alyx._version v ON v.function = f.name AND v.version = f.version
JOIN alyx._module m ON m.sha256 = v.sha256
WHERE alyx._is_visible(f.owner);
COMMENT ON VIEW alyx.functions IS 'deployed functions that the current role owns, at their current version';

CREATE VIEW alyx.versions WITH (security_barrier) AS
SELECT v.function, v.version, v.version = f.version AS is_current, encode(v.sha256, 'hex') AS sha256, v.export,
       v.manifest, v.deployed_by, v.deployed_at
FROM alyx._version v
JOIN alyx._function f ON f.name = v.function
WHERE alyx._is_visible(f.owner);
COMMENT ON VIEW alyx.versions IS 'every version of the functions that the current role owns';

CREATE VIEW alyx.hooks WITH (security_barrier) AS
SELECT h.function, h.position, h.type, h.relation, h.trigger, h.definition
FROM alyx._hook h
JOIN alyx._function f ON f.name = h.function
WHERE alyx._is_visible(f.owner);
COMMENT ON VIEW alyx.hooks IS 'hooks of the functions that the current role owns';

GRANT SELECT ON alyx.functions, alyx.versions, alyx.hooks TO PUBLIC;
