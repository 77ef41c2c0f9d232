//! LANGUAGE javascript where values, rights and depth come to their ends.

use alyx_tests::{Db, Server, literal};

fn create(db: &mut Db, signature: &str, body: &str) {
    db.run(&format!("CREATE OR REPLACE FUNCTION {signature} LANGUAGE javascript AS {}", literal(body)));
}

#[test]
fn a_cursor_says_how_far_it_moved() {
    let mut db = Db::new("javascript_move");
    create(
        &mut db,
        "moves() RETURNS jsonb",
        "const cursor = plv8.prepare('SELECT i FROM generate_series(1, 5) i').cursor();
         return [cursor.move(2), cursor.move(0), cursor.fetch().i, cursor.move(9), cursor.move(), cursor.fetch() === undefined]",
    );
    assert_eq!(db.value("SELECT moves()"), "[2, 0, 3, 2, 0, true]");
}

#[test]
fn a_trigger_knows_the_number_of_its_table() {
    let mut db = Db::new("javascript_relid");
    db.run(r#"CREATE SCHEMA "My Schema"; CREATE TABLE "My Schema"."My Table" (id bigint)"#);
    create(&mut db, "number() RETURNS trigger", "NEW.id = TG_RELID");
    db.run(r#"CREATE TRIGGER number BEFORE INSERT ON "My Schema"."My Table" FOR EACH ROW EXECUTE FUNCTION number()"#);
    assert_eq!(
        db.value(r#"INSERT INTO "My Schema"."My Table" VALUES (0) RETURNING id = '"My Schema"."My Table"'::regclass::oid::bigint"#),
        "t"
    );
}

#[test]
fn deep_json_is_an_error_that_can_be_caught() {
    let mut db = Db::new("javascript_deep");
    for work in [
        "JSON.parse('['.repeat(n) + ']'.repeat(n))",
        "JSON.parse('['.repeat(n) + ']'.repeat(n), (key, value) => value)",
        "(() => { let a = []; for (let i = 0; i < n; i++) a = [a]; return JSON.stringify(a) })()",
        "(() => { let a = {}; for (let i = 0; i < n; i++) a = { a }; return JSON.stringify(a, null, 1) })()",
        "(() => { let a = []; for (let i = 0; i < n; i++) a = [a]; return a.flat(Infinity) })()",
        "(() => { let a = []; for (let i = 0; i < n; i++) a = [a]; return structuredClone(a) })()",
    ] {
        create(
            &mut db,
            "deep(n int) RETURNS text",
            &format!("try {{ {work}; return 'fine' }} catch (error) {{ return error.name }}"),
        );
        assert_eq!(db.value("SELECT deep(500), deep(20000), deep(200000)"), "fine|RangeError|RangeError", "{work}");
    }
}

#[test]
fn row_level_security_holds_for_whoever_calls() {
    let mut db = Db::new("javascript_rls");
    let (ada, max) = (db.role("ada"), db.role("max"));
    db.run(&format!(
        "CREATE TABLE notes (owner text, body text); ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
         CREATE POLICY own ON notes USING (owner = current_user); GRANT ALL ON notes TO {ada}, {max};
         INSERT INTO notes VALUES ('{ada}', 'of ada'), ('{max}', 'of max')"
    ));
    create(
        &mut db,
        "bodies() RETURNS SETOF text",
        "return plv8.execute('SELECT body FROM notes ORDER BY 1').map((row) => row.body)",
    );
    create(&mut db, "take(body text) RETURNS int", "return plv8.execute('UPDATE notes SET body = $1', [body])");
    create(
        &mut db,
        "definer() RETURNS SETOF text SECURITY DEFINER",
        "return plv8.execute('SELECT body FROM notes ORDER BY 1').map((row) => row.body)",
    );
    assert_eq!(db.session_as(&ada).rows("SELECT bodies()"), ["of ada"]);
    assert_eq!(db.session_as(&max).value("SELECT take('mine')"), "1");
    assert_eq!(db.rows("SELECT body FROM notes ORDER BY 1"), ["mine", "of ada"]);
    // As in any language, its owner may lend what the owner may.
    assert_eq!(db.session_as(&ada).rows("SELECT definer()"), ["mine", "of ada"]);
}

#[test]
fn statement_triggers_see_all_rows_and_views_are_written_through() {
    let mut db = Db::new("javascript_statement");
    db.run("CREATE TABLE items (id int, n int); CREATE TABLE seen (op text, level text, before int, after int)");
    create(
        &mut db,
        "sum() RETURNS trigger",
        "const total = (rows) => rows === undefined ? null : rows.reduce((sum, row) => sum + row.n, 0);
         plv8.execute('INSERT INTO seen VALUES ($1, $2, $3, $4)', [TG_OP, TG_LEVEL, total(OLD_ROWS), total(NEW_ROWS)])",
    );
    db.run(
        "CREATE TRIGGER a AFTER INSERT ON items REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION sum();
         CREATE TRIGGER b AFTER UPDATE ON items REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION sum();
         CREATE TRIGGER c AFTER TRUNCATE ON items FOR EACH STATEMENT EXECUTE FUNCTION sum()",
    );
    db.run("INSERT INTO items VALUES (1, 10), (2, 20); UPDATE items SET n = n + 1; TRUNCATE items");
    assert_eq!(
        db.rows("SELECT * FROM seen"),
        ["INSERT|STATEMENT|NULL|30", "UPDATE|STATEMENT|30|32", "TRUNCATE|STATEMENT|NULL|NULL"]
    );
    db.run("CREATE VIEW shown AS SELECT id, n FROM items");
    create(
        &mut db,
        "through() RETURNS trigger",
        "if (NEW.n < 0) return null; plv8.execute('INSERT INTO items VALUES ($1, $2)', [NEW.id, NEW.n * 2]); return { ...NEW, n: 99 }",
    );
    db.run("CREATE TRIGGER through INSTEAD OF INSERT ON shown FOR EACH ROW EXECUTE FUNCTION through()");
    assert_eq!(db.rows("INSERT INTO shown VALUES (1, 5), (2, -5) RETURNING n"), ["99"]);
    assert_eq!(db.rows("SELECT id, n FROM items"), ["1|10"]);
}

#[test]
fn functions_survive_a_dump() {
    let mut db = Db::new("javascript_dump");
    create(&mut db, "add(a int, b int) RETURNS int", "return a + b");
    db.run("CREATE TABLE posts (title text, slug text)");
    create(&mut db, "slug() RETURNS trigger", "NEW.slug = NEW.title.toLowerCase()");
    db.run("CREATE TRIGGER slug BEFORE INSERT ON posts FOR EACH ROW EXECUTE FUNCTION slug(); INSERT INTO posts VALUES ('One')");
    let mut copied = Db::empty(Server::shared(), "javascript_restored");
    crate::dump::copy(&db, &copied);
    assert_eq!(copied.value("SELECT add(1, 2)"), "3");
    assert_eq!(copied.rows("INSERT INTO posts VALUES ('Two') RETURNING slug"), ["two"]);
}

#[test]
fn sessions_have_random_numbers_of_their_own() {
    let mut db = Db::new("javascript_random");
    create(
        &mut db,
        "draw() RETURNS text",
        "return [Math.random(), crypto.randomUUID(), [...crypto.getRandomValues(new Uint8Array(8))]].join(' ')",
    );
    let mut other = db.session();
    let drawn = [
        db.value("SELECT draw()"),
        db.value("SELECT draw()"),
        other.value("SELECT draw()"),
        other.value("SELECT draw()"),
    ];
    let distinct: std::collections::BTreeSet<&String> = drawn.iter().collect();
    assert_eq!(distinct.len(), 4, "{drawn:?}");
}

#[test]
fn large_numbers_keep_their_digits_or_say_so() {
    let mut db = Db::new("javascript_numbers");
    create(&mut db, "kind(n int8) RETURNS text", "return typeof n + ' ' + n");
    create(&mut db, "same8(n int8) RETURNS int8", "return n");
    create(&mut db, "same(n numeric) RETURNS numeric", "return n");
    create(&mut db, "big() RETURNS int8", "return 9007199254740993n");
    create(&mut db, "text() RETURNS numeric", "return '12345678901234567890.123456789'");
    assert_eq!(db.value("SELECT kind(7), same8(-7), same(1.25)"), "number 7|-7|1.25");
    assert_eq!(db.value("SELECT big(), text()"), "9007199254740993|12345678901234567890.123456789");
}
