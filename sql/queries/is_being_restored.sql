-- Whether a dump is being restored into this database: by pg_restore, or by the session that created the extension as a
-- dump does. Any session may call itself pg_restore, so only those count that may write the queue.
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_stat_get_activity(NULL) a
    WHERE a.datid OPERATOR(pg_catalog.=) (SELECT d.oid FROM pg_catalog.pg_database d
                                          WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
      AND (a.application_name OPERATOR(pg_catalog.=) 'pg_restore' OR a.pid OPERATOR(pg_catalog.=) $1)
      AND pg_catalog.pg_has_role(a.usesysid, (SELECT c.relowner FROM pg_catalog.pg_class c
                                              WHERE c.oid OPERATOR(pg_catalog.=) 'alyx._job'::pg_catalog.regclass), 'USAGE'))
