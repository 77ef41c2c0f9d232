//! LANGUAGE javascript and transactions of a guest's own, as a user in psql meets them.

use alyx_tests::{Db, guest, guests_folder, literal};
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

/// A body as SQL.
fn create(db: &mut Db, signature: &str, body: &str) {
    db.run(&format!("CREATE OR REPLACE FUNCTION {signature} LANGUAGE javascript AS {}", literal(body)));
}

#[test]
fn arguments_and_results_of_every_shape() {
    let mut db = Db::new("javascript_shapes");
    create(&mut db, "add(a int, b int) RETURNS int", "return a + b");
    create(&mut db, "hello(name text) RETURNS text", "return `Hello, ${name}`");
    create(&mut db, "unnamed(int, int) RETURNS int", "return $1 * $2");
    create(&mut db, "bytes(data bytea) RETURNS bytea", "return data.map((byte) => byte + 1)");
    create(&mut db, "doc(input jsonb) RETURNS jsonb", "input.seen = true; return input");
    create(&mut db, "numbers(n int) RETURNS SETOF int", "for (let i = 0; i < n; i++) plv8.return_next(i * i)");
    create(
        &mut db,
        "pair(n int, OUT a int, OUT b text) RETURNS SETOF record",
        "return [{ a: n, b: 'x' }, { a: n + 1, b: 'y' }]",
    );
    create(&mut db, "nothing() RETURNS int", "");
    create(&mut db, "later() RETURNS text", "return await Promise.resolve('later')");
    assert_eq!(db.value("SELECT add(1, 2)"), "3");
    assert_eq!(db.value("SELECT hello('Wörld')"), "Hello, Wörld");
    assert_eq!(db.value("SELECT unnamed(6, 7)"), "42");
    assert_eq!(db.value(r"SELECT bytes('\x00ff10')"), r"\x010011");
    assert_eq!(db.value(r#"SELECT doc('{"a": [1, null]}')"#), r#"{"a": [1, null], "seen": true}"#);
    assert_eq!(db.rows("SELECT * FROM numbers(4)"), ["0", "1", "4", "9"]);
    assert_eq!(db.rows("SELECT * FROM pair(4)"), ["4|x", "5|y"]);
    assert_eq!(db.value("SELECT nothing() IS NULL"), "t");
    assert_eq!(db.value("SELECT later()"), "later");
}

#[test]
fn a_trigger_changes_drops_and_keeps_rows() {
    let mut db = Db::new("javascript_trigger");
    db.run("CREATE TABLE posts (id int, title text, slug text)");
    create(
        &mut db,
        "slug() RETURNS trigger",
        "if (NEW.title === 'drop') return null;
         if (NEW.title === 'replace') return { ...NEW, title: 'replaced', slug: TG_OP };
         NEW.slug = NEW.title.toLowerCase().replace(/[^a-z0-9]+/g, '-');",
    );
    db.run("CREATE TRIGGER slug BEFORE INSERT OR UPDATE ON posts FOR EACH ROW EXECUTE FUNCTION slug()");
    db.run("INSERT INTO posts VALUES (1, 'Hello World'), (2, 'drop'), (3, 'replace')");
    assert_eq!(db.rows("SELECT * FROM posts ORDER BY id"), ["1|Hello World|hello-world", "3|replaced|INSERT"]);
    db.run("UPDATE posts SET title = 'New One' WHERE id = 1");
    assert_eq!(db.value("SELECT slug FROM posts WHERE id = 1"), "new-one");
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let mut db = Db::new("javascript_errors");
    let refusal = db
        .refused("CREATE FUNCTION bad() RETURNS int LANGUAGE javascript AS E'const x = 1;\\nreturn x +* 2;'", "42601");
    assert!(refusal.to_string().contains("line 2, column"), "{refusal}");
    db.run("SET check_function_bodies = off");
    db.run("CREATE FUNCTION bad() RETURNS int LANGUAGE javascript AS 'return +*'");
    db.refused("SELECT bad()", "42601");
    create(
        &mut db,
        "fails(how text) RETURNS int",
        "function inner() {\n  throw new Error('no way');\n}\nif (how === 'error') inner();\nif (how === 'code') throw { code: 'P0042', message: 'mine', field: 'how', more: 1 };\nreturn db.query('SELECT 1/0 AS x')[0].x;",
    );
    let thrown = db.refused("SELECT fails('error')", "38000");
    assert!(thrown.says("no way") && thrown.to_string().contains("inner (line 2, column"), "{thrown}");
    let coded = db.refused("SELECT fails('code')", "P0042");
    assert!(
        coded.says("mine") && coded.says("more") && coded.to_string().contains("javascript function \"fails\""),
        "{coded}"
    );
    db.refused("SELECT fails('sql')", "22012");
    create(&mut db, "handles() RETURNS text", "try { db.query('SELECT 1/0') } catch (error) { return error.code }");
    assert_eq!(db.value("SELECT handles()"), "22012");
}

#[test]
fn endless_code_ends() {
    let mut db = Db::new("javascript_endless");
    create(&mut db, "spins() RETURNS int", "// alyx: {timeout: 100ms}\nfor (;;);");
    let refusal = db.refused("SELECT spins()", "57014");
    assert!(refusal.says("time limit"), "{refusal}");
    create(&mut db, "spin() RETURNS int", "for (;;);");
    db.run("SET statement_timeout = '200ms'");
    let refusal = db.refused("SELECT spin()", "57014");
    assert!(refusal.says("statement timeout"), "{refusal}");
    // Its top level runs when it is created.
    db.refused("CREATE FUNCTION top() RETURNS int LANGUAGE javascript AS 'export default () => 1; for (;;);'", "57014");
    db.run("RESET statement_timeout; SET alyx_functions.max_timeout = '200ms'");
    db.refused("CREATE FUNCTION top() RETURNS int LANGUAGE javascript AS 'export default () => 1; for (;;);'", "57014");
    db.run("RESET alyx_functions.max_timeout");
    db.refused(
        "CREATE FUNCTION top() RETURNS int LANGUAGE javascript AS E'// alyx: {memory: 16mb}\\nconst all = []; for (;;) all.push(new Uint8Array(1e6)); export default () => 1;\\nexport const n = 1'",
        "53200",
    );
    create(
        &mut db,
        "recurses() RETURNS text",
        "const f = () => f() + 1; try { f() } catch (error) { return error.constructor.name }",
    );
    assert_eq!(db.value("SELECT recurses()"), "RangeError");
    create(
        &mut db,
        "hoards() RETURNS int",
        "// alyx: {memory: 16mb}\nconst all = []; for (;;) all.push('x'.repeat(1e6) + all.length)",
    );
    db.refused("SELECT hoards()", "53200");
}

#[test]
fn calls_start_afresh_unless_the_first_line_says_otherwise() {
    let mut db = Db::new("javascript_state");
    let body = "globalThis.calls = (globalThis.calls ?? 0) + 1; return globalThis.calls";
    create(&mut db, "fresh() RETURNS int", body);
    create(&mut db, "kept() RETURNS int", &format!("// alyx: {{instances: session}}\n{body}"));
    for expected in 1..=3 {
        assert_eq!(db.value("SELECT fresh()"), "1");
        assert_eq!(db.value("SELECT kept()"), expected.to_string());
    }
    let other = db.role("other");
    db.run(&format!("GRANT EXECUTE ON FUNCTION kept() TO {other}; SET ROLE {other}"));
    assert_eq!(db.value("SELECT kept()"), "1", "another role must not find what one has left");
    db.run("RESET ROLE");
    create(&mut db, "drawn() RETURNS text", "return Math.random() + crypto.randomUUID()");
    assert_ne!(db.value("SELECT drawn()"), db.value("SELECT drawn()"));
    db.refused("CREATE FUNCTION no() RETURNS int LANGUAGE javascript AS E'// alyx {timeout: 1s}\\nreturn 1'", "22023");
    db.refused(
        "CREATE FUNCTION no() RETURNS int LANGUAGE javascript AS E'// alyx: {run_as: owner}\\nreturn 1'",
        "22023",
    );
}

#[test]
fn the_language_is_not_everybodys() {
    let mut db = Db::new("javascript_rights");
    let anyone = db.role("anyone");
    db.run(&format!("GRANT CREATE ON SCHEMA public TO {anyone}; SET ROLE {anyone}"));
    db.refused("CREATE FUNCTION f() RETURNS int LANGUAGE javascript AS 'return 1'", "42501");
    db.run("RESET ROLE; CREATE TABLE secret (x int); INSERT INTO secret VALUES (1)");
    create(&mut db, "peeks() RETURNS int", "return db.query('SELECT x FROM secret')[0].x");
    db.run(&format!("SET ROLE {anyone}"));
    db.refused("SELECT peeks()", "42501");
    db.run("RESET ROLE; ALTER FUNCTION peeks() SECURITY DEFINER");
    db.run(&format!("SET ROLE {anyone}"));
    assert_eq!(db.value("SELECT peeks()"), "1");
}

#[test]
fn a_module_gets_a_context() {
    let mut db = Db::new("javascript_module");
    create(
        &mut db,
        "who(input jsonb) RETURNS jsonb",
        "export default async (ctx) => ({ n: ctx.input.n, id: ctx.auth.id, name: ctx.function.name, trigger: ctx.trigger })",
    );
    db.run(r#"SET request.jwt.claims = '{"sub": "user-42"}'"#);
    assert_eq!(db.value(r#"SELECT who('{"n": 7}')"#), r#"{"n": 7, "id": "user-42", "name": "who", "trigger": "sql"}"#);
    // What looks like an event is none unless the host says so.
    assert_eq!(
        db.value(r#"SELECT who('{"n": 1, "trigger": "queue", "function": {"name": "x"}, "auth": {"id": "forged"}}') ->> 'id'"#),
        "user-42"
    );
}

#[test]
fn a_transaction_of_the_guest_is_kept_or_undone_as_a_whole() {
    let mut db = Db::new("javascript_transaction");
    db.run("CREATE TABLE t (x int PRIMARY KEY)");
    create(
        &mut db,
        "nested() RETURNS jsonb",
        "const seen = [];
         db.transaction((outer) => {
           outer.exec('INSERT INTO t VALUES (1)');
           try { db.transaction((inner) => { inner.exec('INSERT INTO t VALUES (2)'); inner.exec('INSERT INTO t VALUES (1)'); }) }
           catch (error) { seen.push(error.code, error.constraint) }
           outer.exec('INSERT INTO t VALUES (3)');
         });
         try { db.transaction((tx) => { tx.exec('INSERT INTO t VALUES (4)'); throw new Error('undo') }) } catch (error) { seen.push(error.message) }
         return seen",
    );
    assert_eq!(db.value("SELECT nested()"), r#"["23505", "t_pkey", "undo"]"#);
    create(
        &mut db,
        "deep(n int) RETURNS int",
        "const open = (left) => left === 0 ? 0 : db.transaction(() => 1 + open(left - 1)); return open(n)",
    );
    assert_eq!(db.value("SELECT deep(32)"), "32");
    let refusal = db.refused("SELECT deep(33)", "54000");
    assert!(refusal.says("32 transactions open"), "{refusal}");
    assert_eq!(db.rows("SELECT x FROM t ORDER BY x"), ["1", "3"]);
}

#[test]
fn what_a_guest_leaves_open_is_undone() {
    let mut db = Db::new("javascript_left_open");
    db.run("CREATE TABLE t (x int)");
    db.deploy("ask", &guest("savepoint"), "");
    let refusal = db.refused("SELECT ask('{}')", "38000");
    assert!(refusal.says("left a transaction open"), "{refusal}");
    assert_eq!(db.value("SELECT count(*) FROM t"), "0");
    // The same in the middle of a transaction, which goes on.
    db.run("BEGIN; INSERT INTO t VALUES (7); SAVEPOINT s");
    db.refused("SELECT ask('{}')", "38000");
    db.run("ROLLBACK TO s; COMMIT");
    assert_eq!(db.rows("SELECT x FROM t"), ["7"]);
}

#[test]
fn functions_survive_replacement_and_other_sessions_see_it() {
    let mut db = Db::new("javascript_replace");
    create(&mut db, "f() RETURNS int", "return 1");
    let mut other = db.session();
    assert_eq!((db.value("SELECT f()"), other.value("SELECT f()")), ("1".to_owned(), "1".to_owned()));
    create(&mut db, "f() RETURNS int", "return 2");
    assert_eq!((db.value("SELECT f()"), other.value("SELECT f()")), ("2".to_owned(), "2".to_owned()));
}

/// A program that was built for another release of the engine is linked again from the source that it carries.
#[test]
fn a_program_of_another_engine_is_linked_again() {
    let mut db = Db::new("javascript_relink");
    let wasm = std::fs::read(guests_folder().join("validate-json.wasm")).expect("`cargo xtask test` builds it");
    let prefix = b"alyx:js-engine/";
    let mut other = wasm.clone();
    let mut changed = 0;
    for at in 0..other.len() - 64 {
        if other[at..].starts_with(prefix) {
            other[at + prefix.len()..][..16].copy_from_slice(b"0123456789abcdef");
            changed += 1;
        }
    }
    assert!(changed > 0, "it imports the engine by its hash");
    db.deploy("relinked", &other, "");
    let refusal = db.refusal("SELECT fn_invoke('relinked', '{\"name\": \"\"}')");
    assert!(refusal.says("the document is not valid: name"), "{refusal}");
    // Without its source there is nothing to link.
    let bundle = other.windows(11).position(|window| window == b"alyx.bundle").expect("it carries its source");
    other[bundle..][..11].copy_from_slice(b"alyx.nobody");
    match db.try_deploy("orphan", &other, "") {
        Err(refusal) => assert!(refusal.code == "0A000" && refusal.says("engine"), "{refusal}"),
        Ok(_) => panic!("a program without engine and source was deployed"),
    }
}

/// The page for those who come from plv8 shows three examples; they run as they are pasted.
#[test]
fn the_examples_of_the_page_for_plv8_run_as_pasted() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/plv8.md");
    let page = std::fs::read_to_string(page).expect("docs/plv8.md");
    let (_, examples) = page.split_once("\n## Blog").expect("the page has examples");
    let script: String =
        examples.split("```sql\n").skip(1).filter_map(|part| part.split_once("```")).map(|(sql, _)| sql).collect();
    let db = Db::new("javascript_plv8_page");
    // From standard input, as it is pasted: given by -c all of it would be one transaction, which the refusal ends.
    let mut psql = db
        .server()
        .client_program("psql", db.name())
        .args(["-X", "-A", "-t"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("psql runs");
    psql.stdin.take().expect("piped").write_all(script.as_bytes()).expect("psql reads");
    let output = psql.wait_with_output().expect("psql ends");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    for text in ["hello-world-2", "creme-brulee", "51.00", "OUT_OF_STOCK", "ada|2"] {
        assert!(said.contains(text), "{text:?} is not in:\n{said}");
    }
}

#[test]
fn a_body_sees_who_asks_and_raises() {
    let mut db = Db::new("javascript_scope");
    create(&mut db, "who() RETURNS text", "return ctx.auth.role");
    create(&mut db, "raises() RETURNS int", "raise('mine', { code: 'P0077' })");
    assert_eq!(db.value("SELECT who() = current_user"), "t");
    db.refused("SELECT raises()", "P0077");
}

#[test]
fn an_event_trigger_sees_its_event() {
    let mut db = Db::new("javascript_event_trigger");
    db.run("CREATE TABLE seen (event text, tag text, whole text)");
    create(
        &mut db,
        "watch() RETURNS event_trigger",
        "db.query('INSERT INTO seen VALUES ($1, $2, $3)', [TG_EVENT, TG_TAG, event.tag])",
    );
    db.run("CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION watch()");
    db.run("CREATE TABLE made (x int)");
    db.run("DROP EVENT TRIGGER watch");
    assert_eq!(db.rows("SELECT * FROM seen"), ["ddl_command_end|CREATE TABLE|CREATE TABLE"]);
}

#[test]
fn cursors_of_several_calls_do_not_meet() {
    let mut db = Db::new("javascript_cursors");
    create(
        &mut db,
        "first(n int) RETURNS int",
        "const cursor = plv8.prepare('SELECT i FROM generate_series($1::int, 100) i').cursor([n]);
         cursor.fetch();
         return cursor.fetch().i",
    );
    db.run("BEGIN");
    assert_eq!(db.value("SELECT first(1)"), "2");
    assert_eq!(db.value("SELECT first(5)"), "6");
    db.run("COMMIT");
}
