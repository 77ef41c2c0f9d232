\set ON_ERROR_STOP on
INSERT INTO accounts VALUES (1, 'ada@example.com', 100.00), (2, 'bob@example.com', 50.10);
UPDATE accounts SET balance = balance - 0.10 WHERE id = 2;
UPDATE accounts SET email = 'ada@example.org', balance = 90 WHERE id = 1;
DELETE FROM accounts WHERE id = 2;
TRUNCATE accounts;

SELECT actor, op, schema_name || '.' || table_name AS "table", old_row, new_row, changed FROM audit_log ORDER BY id;
