-- After CREATE EXTENSION alyx_functions, in this folder: psql -v wasm=/path/readable/by/the/server/create-post.wasm -f bind.sql
\set ON_ERROR_STOP on
\set manifest `cat manifest.yaml`

CREATE SCHEMA IF NOT EXISTS blog;
CREATE TABLE IF NOT EXISTS blog.posts (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title  text NOT NULL,
    slug   text NOT NULL UNIQUE,
    body   text NOT NULL,
    author text NOT NULL
);

SELECT function, version, changed FROM fn_deploy('create-post', pg_read_binary_file(:'wasm'), :'manifest');
