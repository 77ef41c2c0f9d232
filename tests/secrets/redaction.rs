//! A value that a guest was given does not come out of it in a log line, an error or a record, in no usual disguise.
//!
//! This is against accidents: a guest that wants to give a secret away can return it. Each test has the guest read the
//! secret and then say it in one way; what came out is searched for pieces of it.

use crate::forms::assert_hidden;
use crate::house::{LAST, Lines, deploy_script, grant, house, set_secret};
use alyx_tests::{Db, Refusal, Session, literal};
use serde_json::json;

/// A value with characters that every disguise changes, in base64 wherever it begins. The log is everybody's: each test has letters of its own.
fn value_of(test: &str) -> String {
    let mut state = test.bytes().fold(7_u64, |state, byte| state.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let mut letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + u8::try_from((state >> 33) % 26).expect("a letter"))
    };
    "ooo+o/oo???oo>>>o\"oo 4oooü&o9=%oo\\oo".chars().map(|shape| if shape == 'o' { letter() } else { shape }).collect()
}

/// SQL expressions over `$1` that disguise it, with a name each.
const DISGUISES: [(&str, &str); 13] = [
    ("plain", "$1"),
    ("in the middle", "'Bearer ' || $1 || ', or so'"),
    ("twice", "$1 || $1"),
    ("base64", "translate(encode(convert_to($1, 'UTF8'), 'base64'), E'\\n', '')"),
    ("base64 after a user", "translate(encode(convert_to('user:' || $1, 'UTF8'), 'base64'), E'\\n', '')"),
    ("base64 after one", "translate(encode(convert_to('u' || $1 || 'tail', 'UTF8'), 'base64'), E'\\n', '')"),
    ("base64 after two", "translate(encode(convert_to('us' || $1 || 't', 'UTF8'), 'base64'), E'\\n', '')"),
    ("base64url", "translate(encode(convert_to('id:' || $1, 'UTF8'), 'base64'), E'+/=\\n', '-_')"),
    ("hex", "encode(convert_to($1, 'UTF8'), 'hex')"),
    ("HEX", "upper(encode(convert_to($1, 'UTF8'), 'hex'))"),
    ("bytea", "convert_to('a' || $1, 'UTF8')::text"),
    ("JSON", "to_json('\"' || $1)::text"),
    (
        "percent",
        "(SELECT string_agg(CASE WHEN c ~ '[A-Za-z0-9._~-]' THEN c
             ELSE upper(regexp_replace(encode(convert_to(c, 'UTF8'), 'hex'), '(..)', '%\\1', 'g')) END, '')
            FROM regexp_split_to_table($1, '') c)",
    ),
];

/// A database with the function `leak`, which was granted the secret `KEY`, and roles to call it.
fn leaky(test: &str) -> (Db, String) {
    let (mut db, value) = (house(test), value_of(test));
    set_secret(&mut db, "KEY", &value);
    deploy_script(&mut db, "leak", "secrets: [KEY]");
    grant(&mut db, "KEY", "leak");
    (db, value)
}

/// Lines after which [`LAST`] is the secret in this disguise.
fn disguised(expression: &str) -> Lines {
    Lines::new().env("KEY").query(&format!("SELECT {expression} AS v"), &[LAST])
}

fn all_of(refusal: &Refusal) -> String {
    format!("{refusal:?} {refusal}")
}

/// Everything the extension has written down in this database.
fn written_down(db: &mut Db) -> String {
    db.run("SELECT alyx._drain()");
    let mut all = db.rows("SELECT i::text FROM alyx.invocations i");
    assert!(!all.is_empty(), "nothing was recorded");
    all.extend(db.rows("SELECT l::text FROM alyx.logs l"));
    all.extend(db.rows("SELECT to_jsonb(i)::text FROM alyx._invocation i"));
    all.extend(db.rows("SELECT to_jsonb(l)::text FROM alyx._log l"));
    all.join("\n")
}

/// Runs statements, whether they fail or not, and looks at all that they left; gives the errors and the records.
#[track_caller]
fn nothing_shows(db: &mut Db, value: &str, statements: &[(String, String)]) -> (Vec<Refusal>, String) {
    let (_, before) = db.server().log_since(0);
    let mut refusals = Vec::new();
    for (what, statement) in statements {
        if let Err(refusal) = db.attempt(statement) {
            assert_hidden(&format!("{what}: the error"), &all_of(&refusal), value);
            refusals.push(refusal);
        }
    }
    let records = written_down(db);
    assert_hidden("a record", &records, value);
    let (log, _) = db.server().log_since(before);
    assert_hidden("the server's log", &log, value);
    (refusals, records)
}

#[test]
fn log_lines_hide_it() {
    let (mut db, value) = leaky("redaction_log");
    let mut statements = Vec::new();
    for (name, expression) in DISGUISES {
        let said = format!("<{LAST}>");
        let lines = disguised(expression)
            .log(&said)
            .line('l', &json!({"level": "error", "message": {"deep": [said]}, "fields": {"token": said}}))
            .line('l', &json!({"message": "field", "fields": {said.as_str(): 1}}))
            .line('i', &json!(said))
            .text('w', &said);
        statements.push((name.to_owned(), lines.by("leak")));
    }
    let (refusals, records) = nothing_shows(&mut db, &value, &statements);
    assert_eq!(refusals, []);
    assert!(records.matches("[secret]").count() >= 5 * DISGUISES.len(), "{records}");
}

#[test]
fn the_servers_log_says_that_something_was_hidden() {
    let (mut db, _) = leaky("redaction_server_log");
    let (_, before) = db.server().log_since(0);
    db.run(&disguised("$1").log(&format!("redaction_server_log token {LAST} end")).by("leak"));
    let (log, _) = db.server().log_since(before);
    assert!(log.contains("redaction_server_log token [secret] end"), "{log}");
}

#[test]
fn raised_errors_hide_it() {
    let (mut db, value) = leaky("redaction_raise");
    let mut statements = Vec::new();
    for (name, expression) in DISGUISES {
        let said = format!("<{LAST}>");
        let everywhere = json!({"sqlstate": "P0001", "message": said, "detail": said, "hint": said, "column": said,
            "constraint": said, "schema": said, "table": said, "datatype": said});
        statements.push((name.to_owned(), disguised(expression).line('r', &everywhere).by("leak")));
    }
    let (refusals, _) = nothing_shows(&mut db, &value, &statements);
    assert_eq!(refusals.len(), DISGUISES.len());
    for refusal in refusals {
        let fields = [&refusal.message, &refusal.detail, &refusal.hint, &refusal.column, &refusal.constraint];
        let more = [&refusal.schema, &refusal.table, &refusal.datatype];
        assert!(fields.iter().chain(&more).all(|field| field.contains("[secret]")), "{refusal:?}");
    }
}

#[test]
fn errors_of_extism_hide_it() {
    let (mut db, value) = leaky("redaction_error_set");
    let statements: Vec<_> = DISGUISES
        .iter()
        .map(|(name, expression)| {
            ((*name).to_owned(), disguised(expression).text('f', &format!("no: {LAST}")).by("leak"))
        })
        .collect();
    let (refusals, _) = nothing_shows(&mut db, &value, &statements);
    assert_eq!(refusals.len(), DISGUISES.len());
    assert!(refusals.iter().all(|refusal| refusal.message.contains("[secret]")), "{refusals:?}");
}

#[test]
fn errors_of_sql_hide_it() {
    let (mut db, value) = leaky("redaction_sql");
    db.run(
        "CREATE TABLE unique_values (v text PRIMARY KEY, n int CHECK (n > 0));
         CREATE FUNCTION complain(v text) RETURNS void LANGUAGE plpgsql AS $$
         BEGIN RAISE EXCEPTION USING MESSAGE = v, DETAIL = v, HINT = v, COLUMN = v, CONSTRAINT = v, TABLE = v, SCHEMA = v, DATATYPE = v; END $$;
         CREATE FUNCTION dynamic(v text) RETURNS void LANGUAGE plpgsql AS $$
         BEGIN EXECUTE format('SELECT %L::int', v); END $$",
    );
    let mut statements = Vec::new();
    for (name, expression) in DISGUISES {
        for (sql, params) in [
            ("SELECT $1::text::int", vec![LAST]),
            ("SELECT complain($1)", vec![LAST]),
            ("SELECT dynamic($1)", vec![LAST]),
            ("INSERT INTO unique_values VALUES ($1, 1), ($1, 1)", vec![LAST]),
            ("INSERT INTO unique_values VALUES ($1, 0)", vec![LAST]),
        ] {
            // JSON within an SQL literal is one disguise over the other, and Postgres shows 64 bytes of a value in a row.
            if (name, sql) == ("JSON", "SELECT dynamic($1)") || (name != "plain" && sql.ends_with("($1, 0)")) {
                continue;
            }
            // The last statement failed and the guest traps: the caller gets the statement's error.
            let lines = disguised(expression).query(sql, &params).text('t', "");
            statements.push((format!("{name}: {sql}"), lines.by("leak")));
        }
        // Spliced into the statement it stands in CONTEXT, and in CONTEXT alone when the error is about something else.
        for begin in ["SELECT", "SELECT 1 / 0,"] {
            let spliced = format!("{begin} $x${LAST}$x$::{}", if begin == "SELECT" { "int" } else { "text" });
            let lines = disguised(expression).query(&spliced, &[]).text('t', "");
            statements.push((format!("{name}: spliced after {begin}"), lines.by("leak")));
        }
        let uncaught = json!({"sql": "SELECT $1::text::int", "params": [LAST], "catch": false});
        statements.push((format!("{name}: uncaught"), disguised(expression).line('q', &uncaught).by("leak")));
    }
    let count = statements.len();
    let (refusals, records) = nothing_shows(&mut db, &value, &statements);
    assert_eq!(refusals.len(), count);
    assert!(refusals.iter().all(|refusal| all_of(refusal).contains("[secret]")), "{refusals:?}");
    assert!(records.contains("[secret]"));
}

#[test]
fn errors_about_an_output_hide_it() {
    let (mut db, value) = leaky("redaction_output");
    db.run(
        "CREATE FUNCTION run_as_int(lines text) RETURNS int LANGUAGE wasm AS 'leak:handler';
         CREATE FUNCTION run_as_rows(lines text) RETURNS TABLE (value int) LANGUAGE wasm AS 'leak:handler';
         CREATE FUNCTION run_as_date(lines text) RETURNS date[] LANGUAGE wasm AS 'leak:handler'",
    );
    let all = [("as_int", "SELECT"), ("as_rows", "SELECT"), ("as_rows", "SELECT * FROM"), ("as_date", "SELECT")];
    let statements: Vec<_> = all
        .iter()
        .map(|(name, select)| (format!("{select} {name}"), Lines::new().env("KEY").by(name).replace("SELECT", select)))
        .collect();
    let (refusals, _) = nothing_shows(&mut db, &value, &statements);
    assert_eq!(refusals.len(), all.len());
}

#[test]
fn a_function_that_is_handed_the_secret_hides_it_too() {
    let (mut db, value) = leaky("redaction_nested");
    let mut statements = Vec::new();
    // `other` never read a secret: it is told one.
    for (entry, request) in [("log", json!({"message": LAST, "level": "warn"})), ("raise", json!({"message": LAST}))] {
        let name = format!("other_{entry}");
        db.deploy(&name, &alyx_tests::guest("ask"), &format!("entrypoint: {entry}\n"));
        for (disguise, expression) in DISGUISES {
            let lines = disguised(expression).invoke(&name, &request);
            statements.push((format!("{entry}, {disguise}, caught"), lines.clone().by("leak")));
            statements.push((format!("{entry}, {disguise}"), lines.text('t', "").by("leak")));
        }
    }
    let (refusals, records) = nothing_shows(&mut db, &value, &statements);
    assert!(refusals.iter().any(|refusal| refusal.message.contains("[secret]")), "{refusals:?}");
    assert!(records.matches("[secret]").count() >= DISGUISES.len(), "{records}");
}

#[test]
fn a_function_that_calls_one_with_the_secret_hides_it_too() {
    let (mut db, value) = leaky("redaction_outer");
    db.deploy("keeper", &alyx_tests::guest("ask"), "entrypoint: env\nsecrets: [KEY]\n");
    grant(&mut db, "KEY", "keeper");
    deploy_script(&mut db, "outer", "");
    let asked = Lines::new().invoke("keeper", &json!({"key": "KEY"}));
    let said = format!("told {LAST}");
    nothing_shows(
        &mut db,
        &value,
        &[
            ("a log line".to_owned(), asked.clone().log(&said).by("outer")),
            ("an error".to_owned(), asked.line('r', &json!({"message": said})).by("outer")),
        ],
    );
}

#[test]
fn jobs_hide_it() {
    let (mut db, value) = leaky("redaction_job");
    let manifest = "entrypoint: from_config\nsecrets: [KEY]\nretry: { attempts: 2, base: 1ms }";
    db.deploy("failing", &alyx_tests::guest("script"), manifest);
    grant(&mut db, "KEY", "failing");
    let (_, before) = db.server().log_since(0);
    for (name, expression) in DISGUISES {
        let lines = disguised(expression).log(LAST).query("SELECT $1::int", &[LAST]).text('t', "").joined();
        db.run(&format!("SELECT fn_set_env('failing', 'SCRIPT', {})", literal(&lines)));
        let job = db.value("SELECT fn_enqueue('failing', '{}')");
        alyx_tests::wait_until(&format!("the job is dead: {name}"), || {
            db.value(&format!("SELECT count(*) FROM alyx.dead_jobs WHERE id::text = {}", literal(&job))) == "1"
        });
    }
    let dead = db.rows("SELECT to_jsonb(d)::text FROM alyx.dead_jobs d").join("\n");
    assert_hidden("a dead job", &dead, &value);
    assert!(dead.contains("[secret]"), "{dead}");
    assert_hidden("a record", &written_down(&mut db), &value);
    assert_hidden("the server's log", &db.server().log_since(before).0, &value);
}

#[test]
fn several_secrets_at_once() {
    let (mut db, value) = leaky("redaction_several");
    // One begins with the other, one overlaps it, one stands in it.
    let others = [
        format!("{value} and more 8H"),
        format!("{}LongerTail5", value.chars().skip(20).collect::<String>()),
        value.chars().skip(4).take(5).collect(),
    ];
    for (at, value) in others.iter().enumerate() {
        set_secret(&mut db, &format!("K{at}"), value);
    }
    deploy_script(&mut db, "leak", "secrets: [KEY, K0, K1, K2]");
    ["K0", "K1", "K2"].iter().for_each(|key| grant(&mut db, key, "leak"));
    let all = |last: &str| {
        let mut lines = Lines::new();
        for key in ["KEY", "K0", "K1", "K2", last] {
            lines = lines.env(key);
        }
        lines.log(&format!("a {LAST} b {LAST}")).line('r', &json!({"message": LAST})).by("leak")
    };
    let (_, before) = db.server().log_since(0);
    for (last, value) in [("KEY", &value), ("K0", &others[0]), ("K1", &others[1]), ("K2", &others[2])] {
        let refusal = db.refusal(&all(last));
        assert_hidden("the error", &all_of(&refusal), value);
    }
    let seen = written_down(&mut db) + &db.server().log_since(before).0;
    for value in [&value, &others[0], &others[1]] {
        assert_hidden("records and log", &seen, value);
    }
    assert!(!seen.contains(&others[2]), "{seen}");
}

#[test]
fn what_is_no_secret_is_left_alone() {
    let (mut db, _) = leaky("redaction_innocent");
    deploy_script(&mut db, "plain", "env: {OPEN: 'nothing to hide'}");
    let refusal = db.refusal(&Lines::new().env("OPEN").line('r', &json!({"message": format!("<{LAST}>")})).by("plain"));
    assert_eq!(refusal.message, "<nothing to hide>");
    let refusal = db.refusal(&Lines::new().env("KEY").line('r', &json!({"message": "all is well 100 %"})).by("leak"));
    assert_eq!(refusal.message, "all is well 100 %");
}

#[test]
fn long_secrets_and_long_lines() {
    let mut db = house("redaction_long");
    let long: String =
        (0..3000).map(|at: u32| char::from(b'!' + u8::try_from((at * at + 7 * at) % 89).expect("small"))).collect();
    set_secret(&mut db, "KEY", &long);
    deploy_script(&mut db, "leak", "secrets: [KEY]");
    grant(&mut db, "KEY", "leak");
    let mut session: Session = db.session();
    let (_, before) = db.server().log_since(0);
    // A line is cut at some length: the cut must not fall into a secret and leave its beginning.
    for lead in [0, 1000, 6000, 7000, 8000, 8100, 8180] {
        let message = format!("{}{LAST}", "x".repeat(lead));
        session.run(&Lines::new().env("KEY").log(&message).by("leak"));
        let refusal = session.refusal(&Lines::new().env("KEY").line('r', &json!({"message": message})).by("leak"));
        assert_hidden("the error", &all_of(&refusal), &long);
    }
    assert_hidden("a record", &written_down(&mut db), &long);
    assert_hidden("the server's log", &db.server().log_since(before).0, &long);
}
