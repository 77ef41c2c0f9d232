-- From 0.1.0 to 0.2.0: fn_doctor, and copies whose jobs wait. What is said here is said in sql/jobs.sql and sql/doctor.sql for
-- new installations; tests/system/upgrade.rs holds both against each other.

-- Where the jobs and schedules of this database run; see src/queue/home.rs. It is not dumped: a database that is restored is at
-- home where it is.
CREATE TABLE alyx._home (
    is_here           boolean     PRIMARY KEY DEFAULT true CHECK (is_here),
    system_identifier bigint      NOT NULL,
    timeline          bigint      NOT NULL,
    database          bigint      NOT NULL,
    control_file      text        NOT NULL,
    since             timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE FUNCTION alyx._adopt_copy() RETURNS boolean LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'alyx_adopt_copy';
REVOKE EXECUTE ON FUNCTION alyx._adopt_copy() FROM PUBLIC;

CREATE FUNCTION fn_adopt_copy() RETURNS boolean
LANGUAGE sql VOLATILE AS $$ SELECT alyx._adopt_copy() $$;
REVOKE EXECUTE ON FUNCTION fn_adopt_copy() FROM PUBLIC;
COMMENT ON FUNCTION fn_adopt_copy() IS
    'has the jobs and schedules of this copy of a data directory or database run here; false when it is none';

CREATE FUNCTION alyx._surroundings() RETURNS jsonb LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'alyx_surroundings';
COMMENT ON FUNCTION alyx._surroundings() IS 'what fn_doctor cannot see by SQL: files, limits of the process, settings of the kernel';
REVOKE EXECUTE ON FUNCTION alyx._surroundings() FROM PUBLIC;

-- With the rights of the extension's owner: it looks at tables and processes that a monitoring role may not see, and tells
-- numbers and names.
CREATE FUNCTION fn_doctor(OUT item text, OUT state text, OUT detail text, OUT hint text) RETURNS SETOF record
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH here AS MATERIALIZED (
        SELECT s, (s ->> 'preloaded')::boolean AS preloaded, pg_is_in_recovery() AS is_standby,
               (SELECT e.extversion FROM pg_extension e WHERE e.extname = 'alyx_functions') AS installed
        FROM alyx._surroundings() s
    ), processes AS MATERIALIZED (
        SELECT count(*) FILTER (WHERE a.backend_type = 'alyx launcher') AS launchers,
               count(*) FILTER (WHERE a.backend_type = 'alyx manager' AND a.datname = current_database()) AS managers,
               count(*) FILTER (WHERE a.backend_type = 'alyx worker' AND a.datname = current_database()) AS workers,
               count(*) FILTER (WHERE a.backend_type LIKE 'alyx %' OR a.backend_type LIKE 'parallel %' OR a.backend_type LIKE 'logical %') AS slots
        FROM pg_stat_activity a
    ), jobs AS MATERIALIZED (
        -- At most 100 001 of each are counted: it must not take long when there are millions. Those that are held back on
        -- purpose (by their function's rate limit, or an ordering key whose first one is tried again later) are no sign.
        SELECT (SELECT count(*) FROM (SELECT FROM alyx._job j WHERE j.lease IS NULL LIMIT 100001) x) AS ready,
               (SELECT count(*) FROM (SELECT FROM alyx._job j WHERE j.lease IS NOT NULL LIMIT 100001) x) AS running,
               (SELECT count(*) FROM (SELECT FROM alyx._deferred LIMIT 100001) x) AS deferred,
               (SELECT count(*) FROM (SELECT FROM alyx._dead LIMIT 100001) x) AS dead,
               (SELECT now() - min(greatest(o.run_at, o.enqueued_at))
                FROM alyx._function f
                JOIN alyx._version v ON v.function = f.name AND v.version = f.version AND coalesce(v.manifest, '') !~ 'rate_limit',
                LATERAL (SELECT j.run_at, j.enqueued_at FROM alyx._job j
                         WHERE j.function_id = f.id AND j.ordering_key IS NULL AND j.lease IS NULL ORDER BY j.rank, j.id LIMIT 1) o
                WHERE NOT f.paused) AS waiting
    ), findings(position, item, state, detail, hint) AS (
        SELECT 1, 'version',
               CASE WHEN installed = s ->> 'library' THEN 'ok' ELSE 'warning' END,
               format('library %s, extension %s in this database, PostgreSQL %s', s ->> 'library', installed, current_setting('server_version')),
               CASE WHEN installed <> s ->> 'library' THEN 'Run ALTER EXTENSION alyx_functions UPDATE; in sessions that are open, the old library stays until they end.' END
        FROM here
    UNION ALL
        SELECT 2, 'preload',
               CASE WHEN preloaded THEN 'ok' ELSE 'warning' END,
               CASE WHEN preloaded THEN 'the server preloads the library'
                    ELSE 'the server does not preload the library: no jobs, schedules, records and statistics' END,
               CASE WHEN NOT preloaded THEN format('Add the line shared_preload_libraries = ''%s'' to postgresql.conf and restart the server.',
                    concat_ws(',', nullif(current_setting('shared_preload_libraries'), ''), 'alyx_functions')) END
        FROM here
    UNION ALL
        SELECT 3, 'processes',
               CASE WHEN is_standby THEN 'ok' WHEN launchers = 0 OR managers = 0 THEN 'problem' ELSE 'ok' END,
               CASE WHEN is_standby THEN 'a standby: nothing runs here until it is promoted'
                    ELSE format('%s launcher, %s manager and %s workers of this database', launchers, managers, workers) END,
               CASE WHEN is_standby THEN NULL
                    WHEN launchers = 0 THEN 'The launcher has ended or could not start: look for "alyx" and for "too many background workers" in the server log, raise max_worker_processes, and restart the server.'
                    WHEN managers = 0 THEN 'Raise max_worker_processes or alyx_functions.max_databases, and restart the server; the server log says which one is full.' END
        FROM here, processes WHERE preloaded
    UNION ALL
        SELECT 4, 'worker slots',
               CASE WHEN slots >= current_setting('max_worker_processes')::int THEN 'warning' ELSE 'ok' END,
               format('%s of max_worker_processes = %s are taken', slots, current_setting('max_worker_processes')),
               CASE WHEN slots >= current_setting('max_worker_processes')::int
                    THEN 'Raise max_worker_processes and restart the server: jobs share it with parallel queries and replication.' END
        FROM here, processes WHERE preloaded
    UNION ALL
        SELECT 5, 'enabled',
               CASE WHEN current_setting('alyx_functions.enabled')::boolean AND s ->> 'waiting' IS NULL THEN 'ok' ELSE 'warning' END,
               CASE WHEN NOT current_setting('alyx_functions.enabled')::boolean THEN 'jobs and schedules wait: alyx_functions.enabled is off'
                    WHEN s ->> 'waiting' IS NOT NULL
                    THEN format('jobs and schedules wait, because %s', s ->> 'waiting')
                    ELSE 'jobs and schedules run' END,
               CASE WHEN NOT current_setting('alyx_functions.enabled')::boolean THEN 'Set alyx_functions.enabled = on in postgresql.conf and reload.'
                    WHEN s ->> 'waiting' LIKE 'a dump %' THEN 'They begin when the session that restores it has ended.'
                    WHEN s ->> 'waiting' IS NOT NULL THEN 'Call fn_adopt_copy() if they are to run here and no longer where they were copied from.' END
        FROM here WHERE preloaded AND NOT is_standby
    UNION ALL
        SELECT 6, 'cache folder',
               CASE WHEN s #>> '{cache,problem}' IS NOT NULL THEN 'problem'
                    WHEN (s #>> '{cache,free_bytes}')::int8 < (s #>> '{cache,most_bytes}')::int8 - (s #>> '{cache,bytes}')::int8 THEN 'warning'
                    ELSE 'ok' END,
               format('%s: %s', s #>> '{cache,folder}',
                      coalesce(s #>> '{cache,problem}',
                               format('%s compiled modules, %s of at most %s, %s free on the file system', s #>> '{cache,files}',
                                      pg_size_pretty((s #>> '{cache,bytes}')::int8), pg_size_pretty((s #>> '{cache,most_bytes}')::int8),
                                      pg_size_pretty((s #>> '{cache,free_bytes}')::int8)))),
               CASE WHEN s #>> '{cache,problem}' IS NOT NULL
                    THEN 'Each session compiles its functions anew until this is mended: the folder must belong to the user that runs the server, with mode 0700, or alyx_functions.cache_directory must name another one.'
                    WHEN (s #>> '{cache,free_bytes}')::int8 < (s #>> '{cache,most_bytes}')::int8 - (s #>> '{cache,bytes}')::int8
                    THEN 'Make room, lower alyx_functions.cache_size, or set alyx_functions.cache_directory.' END
        FROM here
    UNION ALL
        SELECT 7, 'key of secrets',
               CASE WHEN s #>> '{secrets_key,problem}' IS NOT NULL OR (secrets > 0 AND NOT (s #>> '{secrets_key,exists}')::boolean) THEN 'problem' ELSE 'ok' END,
               format('%s: %s; %s secrets in this database', s #>> '{secrets_key,file}',
                      coalesce(s #>> '{secrets_key,problem}', CASE WHEN (s #>> '{secrets_key,exists}')::boolean THEN 'readable' ELSE 'not there' END), secrets),
               CASE WHEN s #>> '{secrets_key,problem}' IS NOT NULL THEN 'The file must belong to the user that runs the server, or to root, with mode 0600.'
                    WHEN secrets > 0 AND NOT (s #>> '{secrets_key,exists}')::boolean
                    THEN 'Put the key file of the server that this database comes from there. If it is lost: drop all secrets with fn_set_secret(key, NULL), then set and grant them again.' END
        FROM here, (SELECT count(*) FROM alyx._secret) x(secrets)
    UNION ALL
        SELECT 8, 'memory overcommit',
               CASE WHEN (s #>> '{memory,overcommit}')::int = 2 AND (s #>> '{memory,commit_limit_bytes}')::int8 - (s #>> '{memory,committed_bytes}')::int8 < 1073741824
                    THEN 'warning' ELSE 'ok' END,
               format('vm.overcommit_memory = %s, %s of %s committed', s #>> '{memory,overcommit}', pg_size_pretty((s #>> '{memory,committed_bytes}')::int8),
                      pg_size_pretty((s #>> '{memory,commit_limit_bytes}')::int8)),
               CASE WHEN (s #>> '{memory,overcommit}')::int = 2 AND (s #>> '{memory,commit_limit_bytes}')::int8 - (s #>> '{memory,committed_bytes}')::int8 < 1073741824
                    THEN 'Little can be committed any more: raise vm.overcommit_ratio, or lower shared_buffers.' END
        FROM here WHERE s #>> '{memory,overcommit}' IS NOT NULL
    UNION ALL
        SELECT 9, 'address space',
               CASE WHEN (s #>> '{memory,address_space_bytes}')::int8 < (s #>> '{memory,reserved_bytes}')::int8 THEN 'problem' ELSE 'ok' END,
               format('each session that runs functions reserves %s (max_instances x max_memory, not memory); limit of the process: %s',
                      pg_size_pretty((s #>> '{memory,reserved_bytes}')::int8),
                      coalesce(pg_size_pretty((s #>> '{memory,address_space_bytes}')::int8), 'none')),
               CASE WHEN (s #>> '{memory,address_space_bytes}')::int8 < (s #>> '{memory,reserved_bytes}')::int8
                    THEN 'Start the server without a limit on address space (ulimit -v, LimitAS=), or lower alyx_functions.max_instances or max_memory.' END
        FROM here
    UNION ALL
        SELECT 10, 'stack',
               CASE WHEN (s #>> '{stack,limit_bytes}')::int8 < needed THEN 'warning' ELSE 'ok' END,
               format('max_stack_depth %s and a guest''s %s; limit of the process: %s', current_setting('max_stack_depth'),
                      pg_size_pretty((s #>> '{stack,guest_bytes}')::int8), coalesce(pg_size_pretty((s #>> '{stack,limit_bytes}')::int8), 'none')),
               CASE WHEN (s #>> '{stack,limit_bytes}')::int8 < needed
                    THEN 'Guests deep in the stack are refused with 54001: raise the stack limit of the server (ulimit -s, LimitSTACK=) or lower max_stack_depth.' END
        FROM here, LATERAL (SELECT pg_size_bytes(current_setting('max_stack_depth')) + (s #>> '{stack,guest_bytes}')::int8 + 524288) x(needed)
    UNION ALL
        SELECT 11, 'who may deploy',
               CASE WHEN open IS NULL THEN 'ok' ELSE 'warning' END,
               CASE WHEN open IS NULL THEN format('%s roles may use language wasm or javascript, superusers aside', roles)
                    ELSE format('everybody may use language %s', open) END,
               CASE WHEN open IS NOT NULL THEN format('Run REVOKE USAGE ON LANGUAGE %s FROM PUBLIC; and grant it to those who deploy.', open) END
        FROM (SELECT string_agg(quote_ident(l.lanname), ', ' ORDER BY l.lanname) FILTER (WHERE a.grantee = 0),
                     count(DISTINCT a.grantee) FILTER (WHERE a.grantee NOT IN (SELECT r.oid FROM pg_roles r WHERE r.rolsuper) AND a.grantee <> 0)
              FROM pg_language l, aclexplode(l.lanacl) a
              WHERE l.lanname IN ('wasm', 'javascript') AND a.privilege_type = 'USAGE') x(open, roles)
    UNION ALL
        SELECT 12, 'functions of superusers',
               CASE WHEN names IS NULL THEN 'ok' ELSE 'warning' END,
               CASE WHEN names IS NULL THEN 'none runs as a superuser for others'
                    ELSE format('run as a superuser for whoever may call them: %s', names) END,
               CASE WHEN names IS NOT NULL THEN 'Deploy them as a role that has only the rights they need, or without "run_as: owner".' END
        FROM (SELECT string_agg(f.name, ', ' ORDER BY f.name)
              FROM alyx._function f
              JOIN pg_roles r ON r.oid = f.owner AND r.rolsuper
              JOIN alyx._version v ON v.function = f.name AND v.version = f.version AND v.manifest ~ '(^|[\n{,])\s*["'']?run_as["'']?\s*:\s*["'']?owner') x(names)
    UNION ALL
        SELECT 13, 'functions',
               CASE WHEN paused > 0 THEN 'warning' ELSE 'ok' END,
               format('%s deployed, %s versions, %s of modules; %s paused', functions, versions, pg_size_pretty(bytes), paused),
               CASE WHEN paused > 0 THEN 'Jobs of paused functions wait until fn_resume.' END
        FROM (SELECT (SELECT count(*) FROM alyx._function), (SELECT count(*) FROM alyx._function f WHERE f.paused),
                     (SELECT count(*) FROM alyx._version), pg_total_relation_size('alyx._module')) x(functions, paused, versions, bytes)
    UNION ALL
        SELECT 14, 'jobs',
               CASE WHEN waiting > interval '1 minute' AND running = 0 AND current_setting('alyx_functions.enabled')::boolean AND s ->> 'waiting' IS NULL THEN 'problem'
                    WHEN dead > 0 OR waiting > interval '1 minute' THEN 'warning' ELSE 'ok' END,
               format('%s ready, %s running, %s later, %s dead; the oldest ready one has waited %s s', ready, running, deferred, dead,
                      coalesce(round(extract(epoch FROM waiting), 1), 0)),
               concat_ws(' ',
                    CASE WHEN waiting > interval '1 minute' AND running = 0 THEN 'Nothing runs them: see the items above, and the server log.'
                         WHEN waiting > interval '1 minute' THEN 'They come in faster than they are done: raise alyx_functions.max_workers, or the concurrency of their function.' END,
                    CASE WHEN dead > 0 THEN 'See alyx.dead_jobs; fn_replay puts them back, fn_discard deletes them.' END)
        FROM here, jobs WHERE preloaded AND NOT is_standby
    UNION ALL
        SELECT 15, 'schedules',
               CASE WHEN late > 0 AND current_setting('alyx_functions.enabled')::boolean AND s ->> 'waiting' IS NULL THEN 'problem' WHEN failing > 0 THEN 'warning' ELSE 'ok' END,
               format('%s, of which %s are overdue by more than a minute and %s could not fire the last time', schedules, late, failing),
               CASE WHEN late > 0 THEN 'The manager does not fire them: see the items above, and the server log.'
                    WHEN failing > 0 THEN 'alyx.schedules has the error.' END
        FROM here, (SELECT count(*), count(*) FILTER (WHERE c.next_run_at < now() - interval '1 minute'), count(c.last_error)
                    FROM alyx._schedule c) x(schedules, late, failing)
        WHERE preloaded AND NOT is_standby
    UNION ALL
        SELECT 16, 'records',
               CASE WHEN lost > 0 THEN 'warning' ELSE 'ok' END,
               format('%s of invocations and logs on disk; %s records found no room in shared memory', pg_size_pretty(bytes), coalesce(lost, 0)),
               CASE WHEN lost > 0 THEN 'The counters of alyx.stats hold them nevertheless. Raise alyx_functions.record_buffer, or record less (the manifest''s "log").' END
        FROM here, (SELECT sum(t.lost_records) FROM alyx._read_statistics() t) x(lost),
             (SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::int8 FROM pg_class c
              WHERE c.relnamespace = 'alyx'::regnamespace AND c.relkind = 'r' AND (c.relname LIKE '\_invocation%' OR c.relname LIKE '\_log%')) y(bytes)
        WHERE preloaded
    UNION ALL
        SELECT 17, 'disk',
               'ok',
               format('queue %s, keys %s, replies and deliveries %s, statistics %s',
                      pg_size_pretty(pg_total_relation_size('alyx._job') + pg_total_relation_size('alyx._deferred') + pg_total_relation_size('alyx._dead')),
                      pg_size_pretty(pg_total_relation_size('alyx._kv')),
                      pg_size_pretty(pg_total_relation_size('alyx._reply') + pg_total_relation_size('alyx._delivery')),
                      pg_size_pretty(pg_total_relation_size('alyx._statistics') + pg_total_relation_size('alyx._statistics_minute'))),
               NULL
    UNION ALL
        SELECT 18, 'shared memory', 'ok', pg_size_pretty(bytes), NULL
        FROM (SELECT sum(m.allocated_size)::int8 FROM pg_shmem_allocations m WHERE m.name LIKE 'alyx_functions%') x(bytes)
        WHERE bytes IS NOT NULL
    )
    SELECT f.item, f.state, f.detail, nullif(f.hint, '') FROM findings f ORDER BY f.position
$$;
COMMENT ON FUNCTION fn_doctor() IS
    'looks for what is wrong with this installation (state: ok, warning or problem) and says what to do';
REVOKE EXECUTE ON FUNCTION fn_doctor() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fn_doctor() TO pg_monitor;

SELECT alyx._installed();
