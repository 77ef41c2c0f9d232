-- Least specific first; before them what the connecting superuser's own settings have hidden.
SELECT q.name, q.value FROM (
    SELECT s.name, COALESCE(f.setting, s.boot_val) AS value, 0 AS place
    FROM pg_catalog.pg_settings s
    LEFT JOIN pg_catalog.pg_file_settings f ON f.name OPERATOR(pg_catalog.=) s.name AND f.applied
    WHERE s.source OPERATOR(pg_catalog.=) ANY ('{user,"database user"}'::pg_catalog.text[])
    UNION ALL
    SELECT pg_catalog.split_part(c, '=', 1), pg_catalog.substr(c, pg_catalog.strpos(c, '=') OPERATOR(pg_catalog.+) 1),
           1 OPERATOR(pg_catalog.+) (d.setdatabase OPERATOR(pg_catalog.<>) 0::pg_catalog.oid)::pg_catalog.int4
             OPERATOR(pg_catalog.+) (2 OPERATOR(pg_catalog.*) (d.setrole OPERATOR(pg_catalog.<>) 0::pg_catalog.oid)::pg_catalog.int4)
    FROM pg_catalog.pg_db_role_setting d CROSS JOIN LATERAL pg_catalog.unnest(d.setconfig) AS c
    WHERE d.setrole OPERATOR(pg_catalog.=) ANY (ARRAY[0, $1]::pg_catalog.oid[])
      AND d.setdatabase OPERATOR(pg_catalog.=) ANY (
          ARRAY[0::pg_catalog.oid, (SELECT b.oid FROM pg_catalog.pg_database b
                                    WHERE b.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())])
) q
-- Whose session it is, is not a setting here: become_role says it.
WHERE q.name OPERATOR(pg_catalog.<>) ALL ('{role,session_authorization}'::pg_catalog.text[])
ORDER BY q.place
