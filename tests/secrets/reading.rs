//! A secret is read by the functions that it was granted to and that list it, and by nobody else.

use crate::house::{Lines, deploy_script, env, grant, house, read, refused, script_manifest, set_secret};
use alyx_tests::{Db, guest, literal};
use serde_json::{Value, json};

#[test]
fn a_function_reads_what_it_was_granted_and_lists() {
    let mut db = house("reading");
    set_secret(&mut db, "KEY", "open sesame");
    for scope in ["fresh", "transaction", "session"] {
        deploy_script(&mut db, "vault", &format!("instances: {scope}\nsecrets: [KEY]"));
        grant(&mut db, "KEY", "vault");
        for _ in 0..2 {
            assert_eq!(env(&mut db, "vault", "KEY"), json!({"value": "open sesame"}), "{scope}");
        }
    }
    assert_eq!(db.json(&Lines::new().text('v', "KEY").by("vault"))[0], "open sesame", "config_get of Extism");
}

#[test]
fn listed_but_not_granted_is_an_error_with_a_hint() {
    let mut db = house("reading_not_granted");
    set_secret(&mut db, "KEY", "open sesame");
    deploy_script(&mut db, "vault", "secrets: [KEY, NOT_THERE]");
    for key in ["KEY", "NOT_THERE"] {
        let reply = env(&mut db, "vault", key);
        assert_eq!(reply["error"]["code"], "42501", "{reply}");
        assert!(reply["error"]["hint"].as_str().is_some_and(|hint| hint.contains("fn_grant_secret")), "{reply}");
    }
    // Extism's way to ask has no word for a refusal: it must give nothing, whichever way it says so.
    if let Ok(rows) = db.attempt(&Lines::new().text('v', "KEY").by("vault")) {
        assert_eq!(rows, ["[null]"]);
    }
}

#[test]
fn a_deploy_warns_of_what_is_not_granted_and_goes_on() {
    let mut db = house("reading_warning");
    set_secret(&mut db, "HELD", "open sesame");
    grant(&mut db, "HELD", "vault");
    let manifest = script_manifest("vault", "secrets: [HELD, MISSING]");
    let module: String = guest("script").iter().map(|byte| format!("{byte:02x}")).collect();
    let file = std::env::temp_dir().join(format!("{}.sql", db.name()));
    std::fs::write(&file, format!("SELECT version FROM fn_deploy('vault', '\\x{module}', {});", literal(&manifest)))
        .expect("the statement is written");
    let output =
        db.server().client_program("psql", db.name()).args(["-X", "-f"]).arg(&file).output().expect("psql runs");
    let _ = std::fs::remove_file(&file);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("WARNING") && said.contains("MISSING") && !said.contains("HELD"), "{said}");
    assert_eq!(read(&mut db, "vault", "HELD").as_deref(), Some("open sesame"));
    assert_eq!(refused(&mut db, "vault", "MISSING"), "42501");
}

#[test]
fn granted_but_not_listed_is_nothing() {
    let mut db = house("reading_not_listed");
    set_secret(&mut db, "KEY", "open sesame");
    deploy_script(&mut db, "vault", "secrets: [OTHER]");
    grant(&mut db, "KEY", "vault");
    assert_eq!(env(&mut db, "vault", "KEY"), json!({"value": null}));
    assert_eq!(db.json(&Lines::new().text('v', "KEY").by("vault"))[0], Value::Null);
    // A later version that lists it has it, and one after that which does not has it no more.
    deploy_script(&mut db, "vault", "secrets: [KEY]");
    assert_eq!(read(&mut db, "vault", "KEY").as_deref(), Some("open sesame"));
    db.run("SELECT fn_rollback('vault')");
    assert_eq!(read(&mut db, "vault", "KEY"), None);
}

#[test]
fn another_function_of_the_same_owner_does_not_read_it() {
    let mut db = house("reading_other");
    let owner = db.deployer("owner");
    let mut session = db.session_as(&owner);
    set_secret(&mut session, "KEY", "open sesame");
    deploy_script(&mut session, "vault", "secrets: [KEY]");
    deploy_script(&mut session, "greedy", "secrets: [KEY]");
    deploy_script(&mut session, "plain", "");
    grant(&mut session, "KEY", "vault");
    assert_eq!(read(&mut session, "vault", "KEY").as_deref(), Some("open sesame"));
    assert_eq!(refused(&mut session, "greedy", "KEY"), "42501");
    assert_eq!(read(&mut session, "plain", "KEY"), None);
    // Calling the one that may does not make it the caller's, nor does being called by it.
    let ask = json!(Lines::new().env("KEY").joined());
    session.deploy("keeper", &guest("ask"), "entrypoint: env\nsecrets: [KEY]\n");
    grant(&mut session, "KEY", "keeper");
    let replies = session.json(&Lines::new().invoke("keeper", &json!({"key": "KEY"})).env("KEY").by("greedy"));
    assert_eq!(replies[0]["result"]["value"], "open sesame", "the keeper gives it away: {replies}");
    assert_eq!(replies[1]["error"]["code"], "42501", "{replies}");
    let replies = session.json(&Lines::new().env("KEY").invoke("greedy", &ask).env("KEY").by("vault"));
    assert_eq!(replies[2]["value"], "open sesame", "{replies}");
    assert!(!replies[1].to_string().contains("open sesame"), "{replies}");
}

#[test]
fn a_caller_lends_nothing_and_gets_nothing() {
    let mut db = house("reading_caller");
    let owner = db.deployer("owner");
    let caller = db.deployer("caller");
    let mut session = db.session_as(&owner);
    set_secret(&mut session, "KEY", "open sesame");
    deploy_script(&mut session, "vault", "secrets: [KEY]");
    deploy_script(&mut session, "plain", "secrets: [KEY]");
    grant(&mut session, "KEY", "vault");
    session.run(&format!("GRANT EXECUTE ON FUNCTION run_vault(text), run_plain(text) TO {caller}"));
    let mut calling = db.session_as(&caller);
    // The grant is the function's: whoever may call it has it read the secret.
    assert_eq!(read(&mut calling, "vault", "KEY").as_deref(), Some("open sesame"));
    // A secret of the caller is none of the function's.
    calling.run("SELECT fn_set_secret('MINE', 'of the caller')");
    deploy_script(&mut session, "curious", "secrets: [MINE]");
    session.run(&format!("GRANT EXECUTE ON FUNCTION run_curious(text) TO {caller}"));
    assert_eq!(refused(&mut calling, "curious", "MINE"), "42501");
    // Superusers are callers like any other.
    assert_eq!(refused(&mut db, "plain", "KEY"), "42501");
    assert_eq!(read(&mut db, "vault", "KEY").as_deref(), Some("open sesame"));
}

#[test]
fn a_binding_by_somebody_else_reads_nothing() {
    let mut db = house("reading_binding");
    let owner = db.deployer("owner");
    let stranger = db.deployer("stranger");
    let mut session = db.session_as(&owner);
    set_secret(&mut session, "KEY", "open sesame");
    deploy_script(&mut session, "vault", "secrets: [KEY]");
    grant(&mut session, "KEY", "vault");
    let mut intruder = db.session_as(&stranger);
    let bind = "CREATE FUNCTION run_mine(lines text) RETURNS jsonb LANGUAGE wasm AS 'vault:handler'";
    intruder.refused(bind, "42501");
    intruder.run("SET check_function_bodies = off");
    intruder.run(bind);
    intruder.refused(&Lines::new().env("KEY").by("mine"), "42501");
    db.refused(&Lines::new().env("KEY").by("mine"), "42501");
    intruder.refused("SELECT fn_invoke('vault', '{}')", "42501");
}

#[test]
fn the_environment_of_wasi_has_no_secrets() {
    let mut db = house("reading_wasi");
    set_secret(&mut db, "KEY", "open sesame");
    db.deploy("environ", &guest("environ"), "env: {SHOWN: here}\nsecrets: [KEY]\n");
    grant(&mut db, "KEY", "environ");
    db.run("CREATE FUNCTION environ_text(text) RETURNS text LANGUAGE wasm AS 'environ'");
    assert_eq!(db.value("SELECT environ_text('')").trim(), "SHOWN=here");
}

#[test]
fn every_value_comes_back_as_it_was_set() {
    let mut db = house("reading_values");
    deploy_script(&mut db, "vault", "secrets: [KEY]");
    let long = "0123456789abcdef".repeat(4096);
    for value in [
        "four",
        "quotes \" and ' and \\ and \\\" and $1 and %s",
        "line\nfeed\r\n\ttab\u{b}\u{1f}\u{7f}",
        "Zürich, 東京, 🔑, e\u{301}, \u{200b}, \u{fffd}",
        "{\"json\": [1, null]}",
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n",
        "    ",
        "äö",
        &long,
    ] {
        set_secret(&mut db, "KEY", value);
        grant(&mut db, "KEY", "vault");
        assert_eq!(read(&mut db, "vault", "KEY").as_deref(), Some(value));
    }
}

#[test]
fn values_of_a_database_in_another_encoding() {
    let server = house("reading_encoding").server().clone();
    let mut db = Db::encoded(server, "reading_latin", "LATIN1");
    deploy_script(&mut db, "vault", "secrets: [KEY]");
    set_secret(&mut db, "KEY", "Zürich ÿ");
    grant(&mut db, "KEY", "vault");
    assert_eq!(read(&mut db, "vault", "KEY").as_deref(), Some("Zürich ÿ"));
}

#[test]
fn values_and_keys_that_are_no_secrets_are_refused() {
    let mut db = house("reading_refused");
    for value in ["''", "'abc'", "'ü'", "repeat('x', 65537)"] {
        let refusal = db.refusal(&format!("SELECT fn_set_secret('KEY', {value})"));
        assert!(["22023", "54000"].contains(&refusal.code.as_str()), "{value}: {refusal}");
    }
    for key in ["''", "'1A'", "'A-B'", "'A B'", "'Ä'", "'A.B'", "E'A\\n'", "repeat('K', 256)", "NULL"] {
        let refusal = db.refusal(&format!("SELECT fn_set_secret({key}, 'long enough')"));
        assert!(["22023", "22004"].contains(&refusal.code.as_str()), "{key}: {refusal}");
    }
    assert_eq!(db.value("SELECT count(*) FROM alyx.secrets"), "0");
    db.run("SELECT fn_set_secret(repeat('K', 255), 'long enough'), fn_set_secret('_1', 'long enough')");
    assert_eq!(db.value("SELECT count(*) FROM alyx.secrets"), "2");
    db.refused("SELECT fn_grant_secret('KEY', 'vault')", "42704");
}
