-- After CREATE EXTENSION alyx_functions: psql -v wasm=/path/readable/by/the/server/slugify.wasm -f bind.sql
\set ON_ERROR_STOP on

SELECT function, version, changed FROM fn_deploy('slugify', pg_read_binary_file(:'wasm'), $manifest$
description: Gives a row a unique slug made from its title
database: read
timeout: 1s
memory: 8mb
$manifest$);

-- The constraint decides; the function only proposes. Two writers with one title at once: the second gets a unique violation.
CREATE TABLE IF NOT EXISTS posts (
    id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title text NOT NULL,
    slug  text NOT NULL UNIQUE
);

-- Its arguments may name other columns than title and slug: slugify('name', 'handle').
CREATE OR REPLACE TRIGGER slug BEFORE INSERT ON posts FOR EACH ROW EXECUTE FUNCTION slugify();
