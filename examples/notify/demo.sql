\set ON_ERROR_STOP on
INSERT INTO notify.customers VALUES ('Ada', 'ada@example.com', true), ('Bob', 'bob@example.com', false), ('Eve', NULL, false);
INSERT INTO notify.orders (customer) VALUES ('Ada'), ('Bob'), ('Eve');

-- Paying makes jobs, in the same transaction; nothing has run yet.
BEGIN;
UPDATE notify.orders SET status = 'paid';
SELECT function, source, status, attempt FROM alyx.jobs WHERE function = 'notify';
COMMIT;

-- Workers run them after the commit. Bob's address is not confirmed: his job comes again, until it is.
DO $$ BEGIN
    FOR n IN 1..500 LOOP
        EXIT WHEN EXISTS (SELECT FROM alyx.jobs WHERE function = 'notify' AND status = 'retrying')
              AND (SELECT count(*) FROM alyx.jobs WHERE function = 'notify') = 1;
        PERFORM pg_sleep(0.02);
    END LOOP;
END $$;
SELECT attempt > 0 AS was_tried, last_error FROM alyx.jobs WHERE function = 'notify';
UPDATE notify.customers SET is_confirmed = true WHERE name = 'Bob';
DO $$ BEGIN
    FOR n IN 1..500 LOOP
        EXIT WHEN NOT EXISTS (SELECT FROM alyx.jobs WHERE function = 'notify');
        PERFORM pg_sleep(0.02);
    END LOOP;
END $$;
SELECT order_id, email, body, attempt > 1 AS tried_again FROM notify.outbox ORDER BY order_id;

-- Eve has no address at all, so hers was not tried again. It waits among the dead until somebody decides.
SELECT function, reason, attempt, sqlstate, last_error FROM alyx.dead_jobs WHERE function = 'notify';
UPDATE notify.customers SET email = 'eve@example.com', is_confirmed = true WHERE name = 'Eve';
SELECT fn_replay('notify');
DO $$ BEGIN
    FOR n IN 1..500 LOOP
        EXIT WHEN NOT EXISTS (SELECT FROM alyx.jobs WHERE function = 'notify');
        PERFORM pg_sleep(0.02);
    END LOOP;
END $$;
SELECT order_id, email, body FROM notify.outbox WHERE email LIKE 'eve%';
