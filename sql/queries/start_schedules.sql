-- After a start of the server: what @reboot waits for is now.
UPDATE alyx._schedule s SET next_run_at = pg_catalog.clock_timestamp()
WHERE pg_catalog.lower(pg_catalog.btrim(s.cron)) OPERATOR(pg_catalog.=) '@reboot'
