-- What users call. Each function is plain SQL over a private one in schema alyx, so that \sf shows what it does.

CREATE FUNCTION alyx._call() RETURNS language_handler LANGUAGE c AS 'MODULE_PATHNAME', 'alyx_call';
CREATE FUNCTION alyx._inline(internal) RETURNS void LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'alyx_inline';
CREATE FUNCTION alyx._validate(oid) RETURNS void LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'alyx_validate';
COMMENT ON FUNCTION alyx._call() IS 'call handler of language wasm';
COMMENT ON FUNCTION alyx._inline(internal) IS 'refuses DO blocks in language wasm';
COMMENT ON FUNCTION alyx._validate(oid) IS 'validator of language wasm';

CREATE TRUSTED LANGUAGE wasm HANDLER alyx._call INLINE alyx._inline VALIDATOR alyx._validate;
-- Deploying and binding spend the server's resources: the owner decides who may.
REVOKE USAGE ON LANGUAGE wasm FROM PUBLIC;
COMMENT ON LANGUAGE wasm IS 'WebAssembly functions, sandboxed and metered';

CREATE FUNCTION alyx._call_javascript() RETURNS language_handler LANGUAGE c AS 'MODULE_PATHNAME', 'alyx_call_javascript';
CREATE FUNCTION alyx._validate_javascript(oid) RETURNS void LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'alyx_validate_javascript';
COMMENT ON FUNCTION alyx._call_javascript() IS 'call handler of language javascript';
COMMENT ON FUNCTION alyx._validate_javascript(oid) IS 'validator of language javascript: compiles the source';
CREATE TRUSTED LANGUAGE javascript HANDLER alyx._call_javascript VALIDATOR alyx._validate_javascript;
REVOKE USAGE ON LANGUAGE javascript FROM PUBLIC;
COMMENT ON LANGUAGE javascript IS 'JavaScript source, run in the sandbox of language wasm';

CREATE FUNCTION alyx._deploy(name text, wasm bytea, manifest text) RETURNS jsonb
LANGUAGE c AS 'MODULE_PATHNAME', 'alyx_deploy';
CREATE FUNCTION alyx._check(wasm bytea, manifest text) RETURNS jsonb
LANGUAGE c AS 'MODULE_PATHNAME', 'alyx_check';
CREATE FUNCTION alyx._rollback(name text, version int) RETURNS jsonb
LANGUAGE c AS 'MODULE_PATHNAME', 'alyx_rollback';
CREATE FUNCTION alyx._drop(name text, cascade boolean) RETURNS jsonb
LANGUAGE c AS 'MODULE_PATHNAME', 'alyx_drop';
CREATE FUNCTION alyx._attach(name text, target regclass, options jsonb) RETURNS jsonb
LANGUAGE c AS 'MODULE_PATHNAME', 'alyx_attach';
CREATE FUNCTION alyx._detach(name text, target regclass) RETURNS jsonb
LANGUAGE c AS 'MODULE_PATHNAME', 'alyx_detach';
CREATE FUNCTION alyx._set_env(name text, key text, value text) RETURNS jsonb
LANGUAGE c AS 'MODULE_PATHNAME', 'alyx_set_env';
CREATE FUNCTION alyx._version() RETURNS jsonb
LANGUAGE c AS 'MODULE_PATHNAME', 'alyx_version';
CREATE FUNCTION alyx._owned(name text) RETURNS text
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'alyx_owned';
COMMENT ON FUNCTION alyx._owned(text) IS 'the name again, or an error when the current role does not own such a function';

CREATE FUNCTION fn_deploy(name text, wasm bytea, manifest text DEFAULT NULL,
                          OUT function text, OUT version int, OUT sha256 text, OUT changed boolean, OUT hooks jsonb)
LANGUAGE sql VOLATILE AS $$
    SELECT r.function, r.version, r.sha256, r.changed, r.hooks
    FROM pg_catalog.jsonb_to_record(alyx._deploy(fn_deploy.name, fn_deploy.wasm, fn_deploy.manifest))
         AS r(function text, version int, sha256 text, changed boolean, hooks jsonb)
$$;
COMMENT ON FUNCTION fn_deploy(text, bytea, text) IS
    'deploys a WebAssembly module under a name: checks and compiles it, stores a new version, creates its SQL functions and hooks';

CREATE FUNCTION fn_check(wasm bytea, manifest text DEFAULT NULL) RETURNS jsonb
LANGUAGE sql STABLE AS $$ SELECT alyx._check(fn_check.wasm, fn_check.manifest) $$;
COMMENT ON FUNCTION fn_check(bytea, text) IS
    'what fn_deploy would say of a module and manifest: imports, exports, memory, problems; writes nothing';

CREATE FUNCTION fn_versions(name text,
                            OUT version int, OUT is_current boolean, OUT sha256 text, OUT export text,
                            OUT manifest text, OUT deployed_by regrole, OUT deployed_at timestamptz)
RETURNS SETOF record
LANGUAGE sql STABLE AS $$
    SELECT v.version, v.is_current, v.sha256, v.export, v.manifest, v.deployed_by, v.deployed_at
    FROM alyx.versions v
    WHERE v.function OPERATOR(pg_catalog.=) alyx._owned(fn_versions.name)
    ORDER BY v.version DESC
$$;
COMMENT ON FUNCTION fn_versions(text) IS 'versions of a function, newest first';

CREATE FUNCTION fn_rollback(name text, version int DEFAULT NULL) RETURNS int
LANGUAGE sql VOLATILE AS $$
    SELECT (alyx._rollback(fn_rollback.name, fn_rollback.version) OPERATOR(pg_catalog.->>) 'version')::pg_catalog.int4
$$;
COMMENT ON FUNCTION fn_rollback(text, int) IS
    'makes an older version of a function current, hooks included, and returns its number; without a version the one before the current';

CREATE FUNCTION fn_drop(name text, cascade boolean DEFAULT false) RETURNS void
LANGUAGE sql VOLATILE AS $$ SELECT alyx._drop(fn_drop.name, fn_drop.cascade) $$;
COMMENT ON FUNCTION fn_drop(text, boolean) IS
    'drops a function, its versions and its SQL functions; refuses while triggers depend on it, unless cascade';

CREATE FUNCTION fn_invoke(name text, input jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'alyx_invoke';
COMMENT ON FUNCTION fn_invoke(text, jsonb) IS 'calls a function now, in this transaction, as this role';

CREATE FUNCTION fn_attach(name text, target regclass, events text[] DEFAULT '{insert,update,delete}',
                          timing text DEFAULT 'after', for_each text DEFAULT 'row', mode text DEFAULT 'sync',
                          condition text DEFAULT NULL, columns text[] DEFAULT NULL) RETURNS text
LANGUAGE sql VOLATILE AS $$
    SELECT alyx._attach(fn_attach.name, fn_attach.target, pg_catalog.jsonb_build_object(
        'events', fn_attach.events, 'timing', fn_attach.timing, 'for_each', fn_attach.for_each, 'mode', fn_attach.mode,
        'condition', fn_attach.condition, 'columns', fn_attach.columns))
        OPERATOR(pg_catalog.->>) 'trigger'
$$;
COMMENT ON FUNCTION fn_attach(text, regclass, text[], text, text, text, text, text[]) IS
    'creates a trigger on a table or view that runs a function, and returns its name';

CREATE FUNCTION fn_detach(name text, target regclass) RETURNS int
LANGUAGE sql VOLATILE AS $$ SELECT (alyx._detach(fn_detach.name, fn_detach.target) OPERATOR(pg_catalog.->>) 'dropped')::pg_catalog.int4 $$;
COMMENT ON FUNCTION fn_detach(text, regclass) IS
    'drops the triggers of a table or view that run a function, and returns how many there were';

CREATE FUNCTION fn_set_env(name text, key text, value text) RETURNS void
LANGUAGE sql VOLATILE AS $$ SELECT alyx._set_env(fn_set_env.name, fn_set_env.key, fn_set_env.value) $$;
COMMENT ON FUNCTION fn_set_env(text, text, text) IS
    'sets an environment value of a function over its manifest''s; NULL goes back to the manifest''s';

CREATE FUNCTION fn_version(OUT extension text, OUT wasmtime text, OUT abi text)
LANGUAGE sql STABLE AS $$
    SELECT r.extension, r.wasmtime, r.abi
    FROM pg_catalog.jsonb_to_record(alyx._version()) AS r(extension text, wasmtime text, abi text)
$$;
COMMENT ON FUNCTION fn_version() IS 'versions of the extension, of wasmtime and of the guest ABI';
