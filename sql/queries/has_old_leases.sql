SELECT EXISTS (SELECT FROM alyx._job j WHERE j.lease OPERATOR(pg_catalog.<) $1)
