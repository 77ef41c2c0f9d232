-- Of the days (counted from 1970) that each parent needs a partition for, those that have none: its name and its bounds.
SELECT w.parent, n.name,
       pg_catalog.to_char(d.day, 'YYYY-MM-DD "00:00:00+00"'),
       pg_catalog.to_char(d.day OPERATOR(pg_catalog.+) 1, 'YYYY-MM-DD "00:00:00+00"')
FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS w(parent, days),
     LATERAL (SELECT '1970-01-01'::pg_catalog.date OPERATOR(pg_catalog.+) w.days::pg_catalog.int4) AS d(day),
     LATERAL (SELECT pg_catalog.concat(w.parent, '_', pg_catalog.to_char(d.day, 'YYYYMMDD'))) AS n(name)
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_class c
                  WHERE c.relname OPERATOR(pg_catalog.=) n.name::pg_catalog.name
                    AND c.relnamespace OPERATOR(pg_catalog.=) 'alyx'::pg_catalog.regnamespace)
