DELETE FROM alyx._dead d WHERE d.id OPERATOR(pg_catalog.=) $1::pg_catalog.uuid RETURNING d.id
