//! fn_attach, fn_detach and the manifest's database hooks: sugar over CREATE TRIGGER.

use alyx_tests::{Db, guest};

const TRIGGERS: &str =
    "SELECT tgrelid::regclass, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1::text, 2";

fn db(test: &str) -> Db {
    let mut db = Db::new(test);
    db.deploy_recorder();
    db.run("CREATE TABLE orders (id int, status text); CREATE SCHEMA app; CREATE TABLE app.\"Odd Name\" (id int)");
    db
}

#[test]
fn attach_and_detach() {
    let mut db = db("hooks_attach");
    db.run("SELECT fn_attach('recorder', 'orders', ARRAY['insert', 'update'], 'after', 'row')");
    db.run("INSERT INTO orders VALUES (1, 'open'); UPDATE orders SET status = 'paid'; DELETE FROM orders");
    assert_eq!(db.rows("SELECT event #>> '{database,op}' FROM events ORDER BY id"), ["INSERT", "UPDATE"]);
    db.run("SELECT fn_detach('recorder', 'orders')");
    assert_eq!(db.rows(TRIGGERS), [""; 0]);
    db.run("TRUNCATE events; INSERT INTO orders VALUES (2, 'open')");
    assert_eq!(db.value("SELECT count(*) FROM events"), "0");
}

#[test]
fn attach_with_condition_and_columns() {
    let mut db = db("hooks_condition");
    db.run("SELECT fn_attach('recorder', 'orders'::regclass, events => ARRAY['update'], timing => 'after', for_each => 'row', condition => $$NEW.status = 'paid'$$, columns => ARRAY['status'])");
    let definition = db.rows(TRIGGERS).join("\n");
    assert!(definition.contains("UPDATE OF status") && definition.contains("'paid'"), "{definition}");
    db.run("INSERT INTO orders VALUES (1, 'open'); UPDATE orders SET id = 2; UPDATE orders SET status = 'paid'");
    assert_eq!(db.value("SELECT count(*) FROM events"), "1");
}

#[test]
fn attach_quotes_names_and_refuses_injection() {
    let mut db = db("hooks_quoting");
    db.run("SELECT fn_attach('recorder', 'app.\"Odd Name\"', ARRAY['insert'], 'before', 'row')");
    db.run("INSERT INTO app.\"Odd Name\" VALUES (1)");
    assert_eq!(db.value("SELECT event #>> '{database,table}' FROM events"), "Odd Name");
    for call in [
        "fn_attach('recorder', 'orders', ARRAY['insert; drop table orders'], 'after', 'row')",
        "fn_attach('recorder', 'orders', ARRAY['insert'], 'after insert on orders --', 'row')",
        "fn_attach('recorder', 'orders', ARRAY['insert'], 'after', 'row execute function x(); drop table orders; --')",
        "fn_attach('recorder', 'orders', ARRAY['update'], 'after', 'row', condition => 'true) EXECUTE FUNCTION pg_catalog.suppress_redundant_updates_trigger(); DROP TABLE orders; --')",
        "fn_attach('recorder', 'orders', ARRAY['update'], 'after', 'row', columns => ARRAY['status\" ON orders; drop table orders; --'])",
        "fn_attach('nobody', 'orders', ARRAY['insert'], 'after', 'row')",
    ] {
        let refusal = db.refusal(&format!("SELECT {call}"));
        assert_ne!(refusal.code, "XX000", "{call}: {refusal}");
    }
    assert_eq!(db.value("SELECT to_regclass('orders') IS NOT NULL"), "t");
}

#[test]
fn attach_needs_rights_on_table_and_function() {
    let mut db = db("hooks_rights");
    let owner = db.deployer("owner");
    let stranger = db.deployer("stranger");
    db.session_as(&owner).deploy("mine", &guest("silent"), "");
    db.session_as(&owner).run("CREATE TABLE his (id int)");
    db.session_as(&owner).refused("SELECT fn_attach('mine', 'orders', ARRAY['insert'], 'after', 'row')", "42501");
    db.session_as(&owner).run("SELECT fn_attach('mine', 'his', ARRAY['insert'], 'after', 'row')");
    db.session_as(&stranger).run("CREATE TABLE hers (id int)");
    db.session_as(&stranger).refused("SELECT fn_attach('mine', 'hers', ARRAY['insert'], 'after', 'row')", "42501");
    db.session_as(&stranger).refused("SELECT fn_detach('mine', 'his')", "42501");
}

#[test]
fn async_mode_says_what_it_needs() {
    let mut db = db("hooks_async");
    let refusal =
        db.refused("SELECT fn_attach('recorder', 'orders', ARRAY['insert'], 'after', 'row', 'async')", "55000");
    assert!(refusal.hint.contains("shared_preload_libraries"), "{refusal}");
    assert_eq!(db.rows(TRIGGERS), [""; 0]);
}

#[test]
fn the_manifests_hooks_are_reconciled_at_every_deploy() {
    let mut db = db("hooks_manifest");
    let first = "hooks:\n  - { type: database, source: public.orders, action: [insert, update], timing: after, for_each: row, when: \"NEW.status = 'paid'\", columns: [status] }\n";
    db.deploy("recorder", &guest("recorder"), first);
    assert_eq!(db.rows(TRIGGERS).len(), 1);
    assert_eq!(db.value("SELECT count(*) FROM alyx.hooks"), "1");
    db.run("INSERT INTO orders VALUES (1, 'paid'), (2, 'open'); UPDATE orders SET id = 5; UPDATE orders SET status = 'paid' WHERE status = 'open'");
    assert_eq!(db.rows("SELECT event #>> '{database,op}' FROM events ORDER BY id"), ["INSERT", "UPDATE"]);

    let second = "hooks:\n  - { type: database, source: 'app.\"Odd Name\"', action: [insert], timing: before }\n  - { type: database, source: public.orders, action: [truncate], for_each: statement }\n";
    db.deploy("recorder", &guest("recorder"), second);
    let triggers = db.rows(TRIGGERS);
    assert_eq!(triggers.len(), 2, "{triggers:#?}");
    assert!(triggers[0].starts_with("app.\"Odd Name\"|") && triggers[1].contains("TRUNCATE"), "{triggers:#?}");
    assert_eq!(db.value("SELECT count(*) FROM alyx.hooks"), "2");

    db.run("SELECT fn_rollback('recorder')");
    let triggers = db.rows(TRIGGERS);
    assert!(
        triggers.len() == 1 && triggers[0].contains("UPDATE OF status"),
        "hooks follow the rollback: {triggers:#?}"
    );

    db.deploy("recorder", &guest("recorder"), "");
    assert_eq!(db.rows(TRIGGERS), [""; 0]);
    assert_eq!(db.value("SELECT count(*) FROM alyx.hooks"), "0");
}

#[test]
fn a_trigger_made_by_hand_is_left_alone() {
    let mut db = db("hooks_by_hand");
    db.run("CREATE TRIGGER mine AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION recorder()");
    db.deploy("recorder", &guest("recorder"), "hooks:\n  - { type: database, source: orders, action: [delete] }\n");
    assert_eq!(db.rows(TRIGGERS).len(), 2);
    db.deploy("recorder", &guest("recorder"), "");
    assert_eq!(db.rows("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"), ["mine"]);
}

#[test]
fn a_hook_on_a_missing_table_or_column_fails_the_whole_deploy() {
    let mut db = db("hooks_missing");
    db.deploy_refused(
        "other",
        &guest("echo"),
        "hooks:\n  - { type: database, source: public.nowhere, action: [insert] }\n",
        "42P01",
    );
    db.deploy_refused(
        "other",
        &guest("echo"),
        "hooks:\n  - { type: database, source: orders, action: [update], columns: [nope] }\n",
        "42703",
    );
    assert_eq!(db.value("SELECT count(*) FROM alyx.functions WHERE name = 'other'"), "0");
    assert_eq!(db.rows(TRIGGERS), [""; 0]);
}

#[test]
fn dropping_the_function_takes_the_manifests_hooks_along_when_cascading() {
    let mut db = db("hooks_drop");
    db.deploy("recorder", &guest("recorder"), "hooks:\n  - { type: database, source: orders, action: [delete] }\n");
    db.refused("SELECT fn_drop('recorder')", "2BP01");
    db.run("SELECT fn_drop('recorder', true)");
    assert_eq!(db.rows(TRIGGERS), [""; 0]);
    assert_eq!(db.value("SELECT count(*) FROM alyx.hooks"), "0");
}
