SELECT h.position, h.type, h.definition::pg_catalog.text, h.relation, h.trigger FROM alyx._hook h
WHERE h.function OPERATOR(pg_catalog.=) $1 ORDER BY h.position
