\set ON_ERROR_STOP on
INSERT INTO web.sessions (user_name, expires_at)
    SELECT 'old', now() - interval '2 hours' FROM generate_series(1, 2500)
    UNION ALL VALUES ('just gone', now() - interval '5 minutes'), ('alive', now() + interval '1 hour');

SELECT cron, timezone, overlap, missed, input, next_run_at > now() AS is_due FROM alyx.schedules WHERE function = 'cleanup-sessions';

-- By hand it is the same function: here it keeps what expired in the last hour.
SELECT fn_invoke('cleanup-sessions', '{"keep_minutes": 60, "batch": 1000}');
SELECT user_name, count(*) FROM web.sessions GROUP BY user_name ORDER BY user_name;
SELECT fn_invoke('cleanup-sessions');
SELECT user_name, count(*) FROM web.sessions GROUP BY user_name ORDER BY user_name;
