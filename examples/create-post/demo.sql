\set ON_ERROR_STOP on
SELECT fn_invoke('create-post', '{"title": "Hello, World!", "body": "The first one."}') ->> 'slug' AS slug;
SELECT fn_invoke('create-post', '{"title": "Hello -- world"}') ->> 'slug' AS slug;
SELECT fn_invoke('create-post', '{"title": "Crème Brûlée für Straßenkatzen"}') ->> 'slug' AS slug;

-- With the claims of a JSON Web Token, as PostgREST and the gateway set them, the author is its subject.
SET request.jwt.claims = '{"sub": "user-42"}';
SELECT fn_invoke('create-post', '{"title": "Mine"}') ->> 'slug' AS slug;
RESET request.jwt.claims;
SELECT title, slug, author = current_user AS is_mine, author = 'user-42' AS is_users FROM blog.posts ORDER BY id;

-- What the function throws is an SQL error: the code is in DETAIL, the field in COLUMN NAME.
\set VERBOSITY verbose
\set ON_ERROR_STOP off
SELECT fn_invoke('create-post', '{"title": " "}');
