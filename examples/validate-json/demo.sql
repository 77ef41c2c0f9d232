\set ON_ERROR_STOP on
-- Tidied and completed: no blanks around the name, the address in lower case, an empty list of tags.
INSERT INTO intake.submissions (payload) VALUES ('{"name": "  Ada ", "email": "Ada@Example.com", "age": 36}') RETURNING payload;

-- By SQL: the same check of one document.
SELECT fn_invoke('validate-json', '{"name": "Bob", "email": "bob@example.com", "tags": ["x"]}');

-- Refused with everything that is wrong.
\set ON_ERROR_STOP off
INSERT INTO intake.submissions (payload) VALUES ('{"name": "", "email": "nobody", "age": 17, "address": {"city": "Ulm", "zip": "123"}}');
UPDATE intake.submissions SET payload = payload || '{"admin": true}';
SELECT count(*) FROM intake.submissions;
