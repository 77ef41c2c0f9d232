\set ON_ERROR_STOP on
-- api.mail.example does not exist, so nothing is sent here. Registering works all the same.
INSERT INTO welcome.users (name, email) VALUES ('Ada', 'ada@example.com'), ('Eve', NULL);

DO $$ BEGIN
    FOR n IN 1..500 LOOP
        EXIT WHEN EXISTS (SELECT FROM alyx.jobs WHERE function = 'send-welcome' AND status = 'retrying')
              AND EXISTS (SELECT FROM alyx.dead_jobs WHERE function = 'send-welcome');
        PERFORM pg_sleep(0.02);
    END LOOP;
END $$;

-- Ada's message is tried again later, Eve's is given up: she has no address.
SELECT input #>> '{database,new,name}' AS "user", status FROM alyx.jobs WHERE function = 'send-welcome';
SELECT input #>> '{database,new,name}' AS "user", reason, last_error FROM alyx.dead_jobs WHERE function = 'send-welcome';
SELECT name, welcomed_at IS NOT NULL AS is_welcomed FROM welcome.users ORDER BY id;
