-- One row by primary key, run once per backend and deploy. Operators are qualified: the caller chooses search_path,
-- and this runs with the rights of the extension's owner.
SELECT f.name, f.owner::pg_catalog.oid, f.version, v.sha256, v.manifest, v.export, f.env::pg_catalog.text, f.schema, f.id, f.paused,
       -- The SQL function that callers need EXECUTE on for fn_invoke: name(jsonb) where deploy made it.
       (SELECT p.oid
        FROM pg_catalog.pg_proc p
        JOIN pg_catalog.pg_language l ON l.oid OPERATOR(pg_catalog.=) p.prolang
        JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
        WHERE n.nspname OPERATOR(pg_catalog.=) f.schema::pg_catalog.name
          AND p.proname OPERATOR(pg_catalog.=) f.name::pg_catalog.name
          AND p.pronargs OPERATOR(pg_catalog.=) 1::pg_catalog.int2
          AND p.proargtypes[0] OPERATOR(pg_catalog.=) 'pg_catalog.jsonb'::pg_catalog.regtype
          AND l.lanname OPERATOR(pg_catalog.=) 'wasm'::pg_catalog.name
          AND p.prosrc OPERATOR(pg_catalog.=) f.name
          -- Made by someone without the owner's rights it cannot be called, so it must not grant calls either.
          AND pg_catalog.pg_has_role(p.proowner, f.owner::pg_catalog.oid, 'USAGE')),
       -- Ciphertext of the secrets that it was granted, by name.
       (SELECT pg_catalog.jsonb_object_agg(s.key, pg_catalog.encode(s.sealed, 'base64'))
        FROM alyx._secret_grant g
        JOIN alyx._secret s ON s.key OPERATOR(pg_catalog.=) g.key
        WHERE g.function_id OPERATOR(pg_catalog.=) f.id)
FROM alyx._function f
JOIN alyx._version v ON v.function OPERATOR(pg_catalog.=) f.name AND v.version OPERATOR(pg_catalog.=) f.version
WHERE f.name OPERATOR(pg_catalog.=) $1
