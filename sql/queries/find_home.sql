-- What this server is, and where the jobs of this database ran last. The timeline is that of the WAL which is being written:
-- the control file learns of a promotion later.
SELECT s.system_identifier,
       CASE WHEN pg_catalog.pg_is_in_recovery() THEN 0 ELSE
       ('x' OPERATOR(pg_catalog.||) pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 8))::pg_catalog.bit(32)::pg_catalog.int8 END,
       h.system_identifier, h.timeline, h.database, h.control_file
FROM pg_catalog.pg_control_system() s LEFT JOIN alyx._home h ON true
