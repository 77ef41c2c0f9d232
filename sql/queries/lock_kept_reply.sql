-- Held to the end of the transaction. A lock that is somebody else's by chance makes the request be tried again.
SELECT pg_catalog.pg_try_advisory_xact_lock(
    pg_catalog.hashtextextended(pg_catalog.encode($2, 'hex'), $1::pg_catalog.int8))
