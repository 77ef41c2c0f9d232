-- Tables of the jobs' benchmark, our functions, and the bare SQL queue that they are compared with. jobs.c is filled in for @WASM:jobs@.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS alyx_functions;

DROP TABLE IF EXISTS b_source, b_target, b_done, b_started, b_committed, b_fired, b_queue CASCADE;
CREATE TABLE b_source AS SELECT n, 'row number ' || n AS t FROM generate_series(1, @ROWS@) n;
CREATE TABLE b_target (LIKE b_source);
CREATE TABLE b_done (n bigint);
CREATE TABLE b_started (n bigint, at timestamptz);
CREATE TABLE b_committed (n bigint, xid xid);
CREATE TABLE b_fired (source text, scheduled_at timestamptz, at timestamptz);

SELECT fn_deploy('bench_job_noop', @WASM:jobs@, 'entrypoint: noop');
SELECT fn_deploy('bench_job_insert', @WASM:jobs@, 'entrypoint: insert');
SELECT fn_deploy('bench_job_stamp', @WASM:jobs@, 'entrypoint: stamp');
SELECT fn_deploy('bench_job_fired', @WASM:jobs@, 'entrypoint: fired');

-- The queue that everybody writes first, with the storage settings that ours has.
CREATE TABLE b_queue (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payload text NOT NULL,
    run_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempt int NOT NULL DEFAULT 0,
    lease   bigint
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);

-- A row of it for each row written, as an asynchronous trigger of ours makes a job.
CREATE OR REPLACE FUNCTION b_enqueue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO b_queue (payload) VALUES (row_to_json(NEW)::text);
    RETURN NULL;
END $$;

-- A worker of it, without a client between its statements: batches claimed in a transaction of their own, then each job in its own.
CREATE OR REPLACE PROCEDURE b_work(batch int, inserts boolean) LANGUAGE plpgsql AS $$
DECLARE
    ids   bigint[];
    job   bigint;
    input text;
BEGIN
    LOOP
        WITH picked AS (SELECT q.id FROM b_queue q WHERE q.lease IS NULL ORDER BY q.id LIMIT batch FOR UPDATE SKIP LOCKED),
             claimed AS (UPDATE b_queue q SET lease = pg_backend_pid(), attempt = q.attempt + 1 FROM picked p WHERE q.id = p.id RETURNING q.id)
        SELECT array_agg(c.id ORDER BY c.id) INTO ids FROM claimed c;
        COMMIT;
        EXIT WHEN ids IS NULL;
        FOREACH job IN ARRAY ids LOOP
            DELETE FROM b_queue q WHERE q.id = job AND q.lease = pg_backend_pid() RETURNING q.payload INTO input;
            IF inserts THEN
                INSERT INTO b_done (n) VALUES ((input::jsonb ->> 'n')::bigint);
            END IF;
            COMMIT;
        END LOOP;
    END LOOP;
END $$;
