-- What the curves need besides the languages of the calls.
DROP TABLE IF EXISTS scaling_rows CASCADE;
CREATE UNLOGGED TABLE scaling_rows (id bigint, title text);
SELECT fn_deploy('scaling_triggers', @WASM:triggers@, 'instances: session');
CREATE OR REPLACE FUNCTION scaling_read() RETURNS trigger LANGUAGE wasm AS 'scaling_triggers:read';
SELECT fn_deploy('scaling_deep', @WASM:deep@);
