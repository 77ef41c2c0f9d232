-- Whether a session of this database still runs something. One that is ending with the server is listed until it has left
-- its records, which it does before it takes itself off the list.
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_stat_activity a
    WHERE a.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
      AND a.backend_type OPERATOR(pg_catalog.=) 'client backend'
      AND a.state OPERATOR(pg_catalog.=) 'active'
)
