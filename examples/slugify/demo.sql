\set ON_ERROR_STOP on
-- Titles in, slugs out; the second "Hello, World!" meets the first.
INSERT INTO posts (title) VALUES ('Hello, World!'), ('Hello, World!'), ('Crème Brûlée à la carte'), ('Straße nach Łódź')
RETURNING title, slug;

-- A slug chosen by the writer is kept, and counts as taken.
INSERT INTO posts (title, slug) VALUES ('Release notes', 'news'), ('News', 'news-2') RETURNING title, slug;
INSERT INTO posts (title) VALUES ('News') RETURNING title, slug;

-- The same function, called from SQL.
SELECT slugify('{"title": "Déjà vu"}');
