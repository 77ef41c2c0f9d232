-- A function's life: deploy, call, bind, change, roll back, drop.
SELECT function, version, changed, hooks FROM fn_deploy('echo', decode(:'echo', 'hex'));
SELECT echo('{"hello": "world"}');
SELECT fn_invoke('echo', '[1, 2, 3]');
\df echo

-- Any SQL signature can be bound to it.
CREATE FUNCTION pair(a int, b text) RETURNS jsonb LANGUAGE wasm AS 'echo';
SELECT pair(1, 'one'), pair(b => 'two', a => 2), pair(NULL, NULL);
CREATE FUNCTION numbers(json) RETURNS TABLE (n int, label text) LANGUAGE wasm AS 'echo:handler';
SELECT * FROM numbers('[{"n": 1, "label": "one"}, {"label": "none"}]');

-- The same again changes nothing; other bytes or another manifest make a new version.
SELECT function, version, changed FROM fn_deploy('echo', decode(:'echo', 'hex'));
SELECT function, version, changed FROM fn_deploy('echo', decode(:'echo', 'hex'), 'timeout: 5s');
SELECT name, version FROM alyx.functions;
SELECT fn_rollback('echo') IS NOT NULL AS rolled_back;
SELECT name, version FROM alyx.functions;

-- In a trigger.
CREATE TABLE posts (title text, slug text);
SELECT function, version, changed FROM fn_deploy('slug', decode(:'configured', 'hex'), $$
env:
  OUTCOME: '{"row": {"slug": "hello-world"}}'
$$);
CREATE TRIGGER set_slug BEFORE INSERT ON posts FOR EACH ROW EXECUTE FUNCTION slug();
INSERT INTO posts (title) VALUES ('Hello, World!') RETURNING *;
\d posts

-- Dropping.
SELECT fn_drop('slug');
SELECT fn_drop('slug', true);
INSERT INTO posts (title) VALUES ('No function any more') RETURNING *;
