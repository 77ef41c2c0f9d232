-- label: alyx, instances: @VARIANT@
-- variants: fresh transaction session
CREATE EXTENSION IF NOT EXISTS alyx_functions;

SELECT fn_deploy('bench_noop_@VARIANT@', @WASM:noop@, 'instances: @VARIANT@');
SELECT fn_deploy('bench_json_@VARIANT@', @WASM:json@, 'instances: @VARIANT@');
SELECT fn_deploy('bench_sieve_@VARIANT@', @WASM:sieve@, 'instances: @VARIANT@');
SELECT fn_deploy('bench_triggers_@VARIANT@', @WASM:triggers@, 'instances: @VARIANT@');

CREATE OR REPLACE FUNCTION alyx_@VARIANT@_noop(i int) RETURNS int LANGUAGE wasm AS 'bench_noop_@VARIANT@:noop';
CREATE OR REPLACE FUNCTION alyx_@VARIANT@_json(j jsonb) RETURNS jsonb LANGUAGE wasm AS 'bench_json_@VARIANT@:greet';
CREATE OR REPLACE FUNCTION alyx_@VARIANT@_sieve(n int) RETURNS int LANGUAGE wasm AS 'bench_sieve_@VARIANT@:sieve';
CREATE OR REPLACE FUNCTION alyx_@VARIANT@_trg_noop() RETURNS trigger LANGUAGE wasm AS 'bench_triggers_@VARIANT@:noop';
CREATE OR REPLACE FUNCTION alyx_@VARIANT@_trg_slug() RETURNS trigger LANGUAGE wasm AS 'bench_triggers_@VARIANT@:slug';
CREATE OR REPLACE FUNCTION alyx_@VARIANT@_trg_stock() RETURNS trigger LANGUAGE wasm AS 'bench_triggers_@VARIANT@:stock';
