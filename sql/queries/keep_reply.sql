-- The key is held and was looked for: a row that is there is too old to be given again.
INSERT INTO alyx._reply (function_id, key, fingerprint, reply)
VALUES ($1, $2, $3, $4)
ON CONFLICT (function_id, key) DO UPDATE
    SET fingerprint = EXCLUDED.fingerprint, reply = EXCLUDED.reply, stored_at = EXCLUDED.stored_at
