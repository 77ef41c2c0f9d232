-- What a user reads when something is wrong.
SELECT fn_deploy('bad', 'not a module');
\echo :LAST_ERROR_SQLSTATE
SELECT fn_deploy('Bad Name', decode(:'echo', 'hex'));
\echo :LAST_ERROR_SQLSTATE
SELECT fn_deploy('missiles', decode(:'unknown_import', 'hex'));
\echo :LAST_ERROR_SQLSTATE
SELECT fn_deploy('hello', decode(:'unknown_host_function', 'hex'));
\echo :LAST_ERROR_SQLSTATE
SELECT fn_deploy('typo', decode(:'echo', 'hex'), E'timeout: 10s\nmemry: 64mb\n');
\echo :LAST_ERROR_SQLSTATE
SELECT fn_deploy('old', decode(:'echo', 'hex'), 'runtime: node');
\echo :LAST_ERROR_SQLSTATE
SELECT fn_deploy('nightly', decode(:'echo', 'hex'), 'hooks: [{type: schedule, cron: "0 2 * * *"}]');
\echo :LAST_ERROR_SQLSTATE
SELECT fn_invoke('nobody');
\echo :LAST_ERROR_SQLSTATE
CREATE FUNCTION f(text) RETURNS text LANGUAGE wasm AS 'nobody';
\echo :LAST_ERROR_SQLSTATE
DO LANGUAGE wasm $$ anything $$;
\echo :LAST_ERROR_SQLSTATE

SELECT count(*) FROM alyx.functions;

-- What a caller reads when a guest fails.
\set SHOW_CONTEXT errors
SELECT version FROM fn_deploy('trap', decode(:'trap', 'hex'), 'entrypoint: handler');
SELECT version FROM fn_deploy('fail', decode(:'fail', 'hex'));
SELECT version FROM fn_deploy('echo', decode(:'echo', 'hex'));
SELECT version FROM fn_deploy('scalars', decode(:'scalars', 'hex'));
SELECT version FROM fn_deploy('grow', decode(:'grow_memory', 'hex'), E'entrypoint: handler\nmemory: 4mb');
SELECT version FROM fn_deploy('recurse', decode(:'recurse_forever', 'hex'), 'entrypoint: handler');
SELECT version FROM fn_deploy('spin', decode(:'spin_forever', 'hex'), E'entrypoint: handler\ntimeout: 50ms');
SELECT trap('{}');
\echo :LAST_ERROR_SQLSTATE
CREATE FUNCTION fail_with_text(text) RETURNS text LANGUAGE wasm AS 'fail:error_and_code';
CREATE FUNCTION fail_with_code(text) RETURNS text LANGUAGE wasm AS 'fail:code';
SELECT fail_with_text('x');
\echo :LAST_ERROR_SQLSTATE
SELECT fail_with_code('x');
\echo :LAST_ERROR_SQLSTATE
CREATE FUNCTION divide(int, int) RETURNS int LANGUAGE wasm AS 'scalars:divide';
SELECT divide(1, 0);
\echo :LAST_ERROR_SQLSTATE
CREATE FUNCTION bad_text(bytea) RETURNS text LANGUAGE wasm AS 'echo';
CREATE FUNCTION bad_json(text) RETURNS json LANGUAGE wasm AS 'echo';
SELECT bad_text('\xff');
\echo :LAST_ERROR_SQLSTATE
SELECT bad_json('nope');
\echo :LAST_ERROR_SQLSTATE
SELECT grow('{}');
\echo :LAST_ERROR_SQLSTATE
SELECT recurse('{}');
\echo :LAST_ERROR_SQLSTATE
SELECT spin('{}');
\echo :LAST_ERROR_SQLSTATE

-- A trigger that answers nonsense.
CREATE TABLE t (id int);
SELECT version FROM fn_deploy('wrong', decode(:'configured', 'hex'), 'env: {OUTCOME: "5"}');
CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION wrong();
INSERT INTO t VALUES (1);
\echo :LAST_ERROR_SQLSTATE
