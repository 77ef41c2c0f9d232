//! The examples, as their readers run them: bind.sql, then a few rows.

use alyx_tests::{Db, guests_folder};
use std::path::{Path, PathBuf};

/// The folder of an example.
pub(crate) fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name)
}

/// A database in which an example's bind.sql was run; `label` begins with the example's name.
fn bound(label: &str) -> Db {
    let db = Db::new(&format!("example_{label}"));
    let name = label.split('_').next().unwrap_or(label);
    run_script(&db, name, "bind.sql");
    db
}

/// Runs a script of an example as its README says, in the example's folder; what psql printed.
pub(crate) fn run_script(db: &Db, name: &str, script: &str) -> String {
    let wasm = guests_folder().join(format!("{name}.wasm"));
    assert!(wasm.exists(), "{} is missing: `cargo xtask test` builds it", wasm.display());
    let output = db
        .server()
        .client_program("psql", db.name())
        .args(["-X", "-v", "ON_ERROR_STOP=1", "-v", &format!("wasm={}", wasm.display()), "-f"])
        .arg(script)
        .current_dir(example(name))
        .output()
        .expect("psql runs");
    assert!(output.status.success(), "{name}/{script}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn slugify_gives_every_title_a_slug_of_its_own() {
    let mut db = bound("slugify");
    for (title, slug) in [
        ("Hello, World!", "hello-world"),
        ("Hello -- world", "hello-world-2"),
        ("hello world", "hello-world-3"),
        ("Crème Brûlée", "creme-brulee"),
        ("Straße", "strasse"),
    ] {
        assert_eq!(db.value(&format!("INSERT INTO posts (title) VALUES ('{title}') RETURNING slug")), slug, "{title}");
    }
    let slugs = db.rows("INSERT INTO posts (title) SELECT 'Many' FROM generate_series(1, 25) RETURNING slug");
    assert_eq!((slugs[0].as_str(), slugs[24].as_str()), ("many", "many-25"), "{slugs:?}");
    assert_eq!(db.value("INSERT INTO posts (title, slug) VALUES ('Mine', 'chosen') RETURNING slug"), "chosen");
    assert!(run_script(&db, "slugify", "demo.sql").contains("hello-world-"), "the demo runs on what is there");
}

#[test]
fn stock_is_taken_and_never_below_zero() {
    let mut db = bound("stock");
    db.run("INSERT INTO products VALUES (1, 'Teapot', 10), (2, 'Lamp', 1); INSERT INTO orders (customer, product_id, qty) VALUES ('zoe', 1, 3), ('zoe', 2, 1), ('max', 1, 2)");
    assert_eq!(db.rows("SELECT id, stock FROM products ORDER BY id"), ["1|5", "2|0"]);
    assert_eq!(db.rows("SELECT customer, orders, pieces FROM profiles ORDER BY customer"), ["max|1|2", "zoe|2|4"]);
    let refusal = db.refusal("INSERT INTO orders (customer, product_id, qty) VALUES ('max', 1, 1), ('max', 2, 1)");
    assert!(
        !refusal.hint.is_empty() && refusal.says("Lamp") && refusal.code != "38000" && refusal.code != "XX000",
        "{refusal}"
    );
    assert_eq!(db.rows("SELECT id, stock FROM products ORDER BY id"), ["1|5", "2|0"], "the whole order is undone");
    assert_eq!(db.value("SELECT count(*) FROM orders"), "3");
}

#[test]
fn stock_under_concurrent_orders() {
    let mut db = bound("stock_again");
    db.run("INSERT INTO products VALUES (1, 'Teapot', 50)");
    let sold: usize = std::thread::scope(|scope| {
        let buyers: Vec<_> = (0..4)
            .map(|buyer| {
                let mut session = db.session();
                scope.spawn(move || {
                    (0..20)
                        .filter(|_| {
                            session
                                .attempt(&format!(
                                    "INSERT INTO orders (customer, product_id, qty) VALUES ('c{buyer}', 1, 1)"
                                ))
                                .is_ok()
                        })
                        .count()
                })
            })
            .collect();
        buyers.into_iter().map(|buyer| buyer.join().expect("a buyer")).sum()
    });
    assert_eq!(sold, 50, "eighty orders of one piece each, fifty pieces");
    assert_eq!(
        db.value("SELECT stock, (SELECT count(*) FROM orders), (SELECT sum(pieces) FROM profiles) FROM products"),
        "0|50|50"
    );
}

#[test]
fn audit_writes_down_every_operation() {
    let mut db = bound("audit");
    let clerk = db.role("clerk");
    db.run(&format!("GRANT ALL ON accounts TO {clerk}"));
    let mut session = db.session_as(&clerk);
    session.run("INSERT INTO accounts VALUES (1, 'ada@example.com', 100.00); UPDATE accounts SET balance = 90 WHERE id = 1; DELETE FROM accounts; TRUNCATE accounts");
    assert_eq!(
        db.rows("SELECT op, actor, table_name, changed FROM audit_log ORDER BY id")
            .iter()
            .map(|row| row.split('|').next().unwrap_or_default().to_owned())
            .collect::<Vec<_>>(),
        ["INSERT", "UPDATE", "DELETE", "TRUNCATE"]
    );
    assert_eq!(db.rows("SELECT DISTINCT actor FROM audit_log"), [clerk.as_str()]);
    assert_eq!(
        db.value("SELECT changed, old_row ->> 'balance', new_row ->> 'balance' FROM audit_log WHERE op = 'UPDATE'"),
        "{balance}|100.00|90.00"
    );
    session.refused(
        "INSERT INTO audit_log (actor, op, schema_name, table_name, changed) VALUES ('x', 'x', 'x', 'x', '{}')",
        "42501",
    );
}

#[test]
fn all_demos_run() {
    for name in ["slugify", "stock", "audit"] {
        let db = Db::new(&format!("demo_{name}"));
        run_script(&db, name, "bind.sql");
        run_script(&db, name, "demo.sql");
    }
}

/// Those in TypeScript, by what their demo says; send-welcome and cleanup-sessions need workers: `examples_preloaded`.
#[test]
fn examples_in_typescript_do_what_their_demo_says() {
    for (name, expected) in [
        ("create-post", &["hello-world-2", "creme-brulee-fur-strassenkatzen", "| f       | t"][..]),
        ("order-stock", &["Teapot |     7", "Lamp   |     0"][..]),
        ("validate-json", &["ada@example.com", "bob@example.com"][..]),
    ] {
        let db = Db::new(&format!("example_{}", name.replace('-', "_")));
        run_script(&db, name, "bind.sql");
        let shown = run_script(&db, name, "demo.sql");
        for text in expected {
            assert!(shown.contains(text), "{name}: {text:?} is not in:\n{shown}");
        }
    }
}
