-- The function that a webhook's path leads to: at most one, by the unique index _hook_webhook.
SELECT h.function
FROM alyx._hook h
WHERE h.type OPERATOR(pg_catalog.=) 'webhook' AND (h.definition OPERATOR(pg_catalog.->>) 'path') OPERATOR(pg_catalog.=) $1
