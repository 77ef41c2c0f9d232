-- Bytes that no version refers to any more. SKIP LOCKED: one that a deploy is about to use stays.
DELETE FROM alyx._module m WHERE m.sha256 OPERATOR(pg_catalog.=) ANY (ARRAY(
    SELECT u.sha256 FROM alyx._module u
    WHERE NOT EXISTS (SELECT FROM alyx._version v WHERE v.sha256 OPERATOR(pg_catalog.=) u.sha256)
    FOR UPDATE SKIP LOCKED))
