\set ON_ERROR_STOP on
-- Two o'clock in Berlin, every night: where the clocks go forward there is no two o'clock, and it is three.
SELECT function, cron, timezone, overlap, missed FROM alyx.schedules;
SELECT at, at AT TIME ZONE 'Europe/Berlin' AS in_berlin
FROM fn_cron_next('0 2 * * *', 'Europe/Berlin', '2026-03-28 00:00+00', 3) AS at;

-- The hours before and after a midnight, and two orders of yesterday.
INSERT INTO sales.orders (placed_at, total) VALUES
    ('2026-03-28 23:30 Europe/Berlin', 10), ('2026-03-29 00:30 Europe/Berlin', 20), ('2026-03-29 23:30 Europe/Berlin', 3.50),
    ('2026-03-30 00:30 Europe/Berlin', 40);
INSERT INTO sales.orders (placed_at, total)
SELECT ((now() AT TIME ZONE 'Europe/Berlin')::date - 1 + time '12:00') AT TIME ZONE 'Europe/Berlin', total
FROM unnest('{5, 6}'::int[]) AS total;

-- Nobody waits for the night here: the same function, every second.
SELECT fn_schedule('nightly-report', '@every 1s', 'Europe/Berlin') > 0 AS scheduled;
DO $$ BEGIN
    FOR n IN 1..500 LOOP
        EXIT WHEN EXISTS (SELECT FROM sales.report);
        PERFORM pg_sleep(0.02);
    END LOOP;
END $$;
SELECT fn_unschedule(id) FROM alyx.schedules WHERE cron = '@every 1s';
SELECT day = (now() AT TIME ZONE 'Europe/Berlin')::date - 1 AS is_yesterday, orders, revenue FROM sales.report;

-- A night of long ago: what counts is when the run was scheduled, not when it came. The day had 23 hours. Twice is once.
SELECT fn_invoke('nightly-report', '{"schedule": {"scheduled_at": "2026-03-30T00:00:00Z", "timezone": "Europe/Berlin"}}') IS NULL AS done;
SELECT fn_invoke('nightly-report', '{"schedule": {"scheduled_at": "2026-03-30T00:00:00Z", "timezone": "Europe/Berlin"}}') IS NULL AS done;
SELECT day, orders, revenue FROM sales.report WHERE day < '2026-04-01';
