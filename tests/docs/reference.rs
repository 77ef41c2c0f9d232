//! `docs/reference/settings.md` and `functions.md`, as a server that has the extension tells them.

use crate::is_as_generated;
use alyx_tests::{Cluster, Db};
use std::fmt::Write as _;

const HEAD: &str = "This page is made from a running server by a test (`tests/docs/reference.rs`); do not edit it.";

fn server(label: &str) -> (Cluster, Db) {
    let cluster = Cluster::preloaded(label, &[]);
    let db = Db::on(cluster.server().clone(), label);
    (cluster, db)
}

/// A query's rows, in columns.
fn rows(db: &mut Db, sql: &str) -> Vec<Vec<String>> {
    let json = db.json(&format!("SELECT coalesce(jsonb_agg(to_jsonb(r) ORDER BY n), '[]') FROM (SELECT row_number() OVER () AS n, q.* FROM ({sql}) q) r"));
    let of_row = |row: &serde_json::Value| {
        let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let columns = row.as_object().expect("an object");
        (1..columns.len()).map(|at| text(&row[format!("c{at}")])).collect()
    };
    json.as_array().expect("an array").iter().map(of_row).collect()
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[test]
fn settings_are_those_of_the_server() {
    let (_cluster, mut db) = server("docs_settings");
    let sql = "SELECT name AS c1, concat_ws(' ', short_desc, nullif(extra_desc, '')) AS c2,
            CASE vartype WHEN 'bool' THEN 'on, off' WHEN 'string' THEN 'text' ELSE min_val || ' to ' || max_val END AS c3,
            coalesce(unit, '') AS c4,
            CASE WHEN vartype = 'string' AND coalesce(boot_val, '') = '' THEN 'empty'
                 WHEN unit = 'kB' THEN CASE WHEN boot_val::bigint >= 1048576 THEN boot_val || ' (' || boot_val::bigint / 1048576 || ' GB)'
                      WHEN boot_val::bigint >= 1024 THEN boot_val || ' (' || boot_val::bigint / 1024 || ' MB)' ELSE boot_val END
                 WHEN unit = 'ms' AND length(boot_val) > 3 THEN boot_val || ' (' || boot_val::bigint / 1000 || ' s)'
                 WHEN unit = 'min' THEN boot_val || ' (' || boot_val::bigint / 1440 || ' days)'
                 ELSE boot_val END AS c5,
            CASE context WHEN 'postmaster' THEN 'postgresql.conf, restart' WHEN 'sighup' THEN 'postgresql.conf, reload'
                 WHEN 'superuser' THEN 'superuser, at any time' ELSE context END AS c6
        FROM pg_settings WHERE name LIKE 'alyx_functions.%' ORDER BY name COLLATE \"C\"";
    let mut page = format!(
        "# Settings\n\n{HEAD}\n\nManifests can only narrow what is set here. Numbers take PostgreSQL's units (`SET alyx_functions.max_memory = '512MB'`). What a setting is for, and when it is read: [reference](../reference.md#settings).\n\n| setting | is | range | unit | default | who may set it |\n|---|---|---|---|---|---|\n"
    );
    for row in rows(&mut db, sql) {
        let [name, is, range, unit, default, who] = row.as_slice() else { panic!("{row:?}") };
        writeln!(page, "| `{name}` | {} | {range} | {unit} | {default} | {who} |", cell(is)).expect("text grows");
    }
    is_as_generated("docs/reference/settings.md", &page);
}

#[test]
fn functions_and_views_are_those_of_the_catalog() {
    let (_cluster, mut db) = server("docs_functions");
    let ours = "EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
                 WHERE d.deptype = 'e' AND e.extname = 'alyx_functions' AND d.objid = o.oid)";
    let functions = format!(
        "SELECT o.proname AS c1, regexp_replace(pg_get_function_arguments(o.oid), '::[a-z ]+(\\[\\])?', '', 'g') AS c2, pg_get_function_result(o.oid) AS c3,
                coalesce(obj_description(o.oid, 'pg_proc'), '') AS c4,
                has_function_privilege('public', o.oid, 'EXECUTE')::text AS c5
         FROM pg_proc o WHERE o.proname LIKE 'fn\\_%' AND {ours} ORDER BY o.proname COLLATE \"C\", o.pronargs DESC"
    );
    let views = format!(
        "SELECT n.nspname || '.' || o.relname AS c1, coalesce(obj_description(o.oid, 'pg_class'), '') AS c2,
                (SELECT string_agg('`' || a.attname || '` ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
                 FROM pg_attribute a WHERE a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped) AS c3
         FROM pg_class o JOIN pg_namespace n ON n.oid = o.relnamespace
         WHERE o.relkind = 'v' AND o.relname !~ '^_' AND {ours} ORDER BY n.nspname || '.' || o.relname COLLATE \"C\""
    );
    let languages = format!(
        "SELECT o.lanname AS c1, coalesce(obj_description(o.oid, 'pg_language'), '') AS c2 FROM pg_language o WHERE {ours} ORDER BY 1"
    );
    let mut page = format!(
        "# SQL functions and views\n\n{HEAD}\n\nHow they behave: [reference](../reference.md#sql-functions). Unless said otherwise everybody may call them; what they then may do is asked inside: [privileges](../reference.md#privileges).\n\n## Functions\n"
    );
    for row in rows(&mut db, &functions) {
        let [name, arguments, result, comment, public] = row.as_slice() else { panic!("{row:?}") };
        assert!(!comment.is_empty(), "{name} has no COMMENT");
        let only = if public == "true" { "" } else { " Revoked from PUBLIC." };
        let comment = sentence(comment);
        write!(page, "\n### {name}\n\n```sql,ignore\n{name}({arguments}) → {result}\n```\n\n{comment}{only}\n")
            .expect("text grows");
    }
    page.push_str("\n## Views\n\nEach shows a role what it owns; members of the extension's owner see everything.\n\n| view | shows | columns |\n|---|---|---|\n");
    for row in rows(&mut db, &views) {
        let [name, comment, columns] = row.as_slice() else { panic!("{row:?}") };
        assert!(!comment.is_empty(), "{name} has no COMMENT");
        writeln!(page, "| `{name}` | {} | {} |", cell(comment), cell(columns)).expect("text grows");
    }
    page.push_str("\n## Languages\n\n| language | is |\n|---|---|\n");
    for row in rows(&mut db, &languages) {
        let [name, comment] = row.as_slice() else { panic!("{row:?}") };
        writeln!(page, "| `{name}` | {} |", cell(comment)).expect("text grows");
    }
    is_as_generated("docs/reference/functions.md", &page);
}

/// A COMMENT as a sentence.
fn sentence(comment: &str) -> String {
    let mut letters = comment.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", letters.as_str())
}
