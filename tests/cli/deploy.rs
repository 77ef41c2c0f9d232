//! Config as code: what a deploy of folders writes, and what it does not.

use crate::house::{Workshop, answering};
use alyx_tests::Db;
use serde_json::json;

#[test]
fn all_folders_are_deployed_or_none() {
    let mut db = Db::new("cli_all_or_none");
    db.run("CREATE TABLE posts (id int, slug text)");
    let shop = Workshop::with("all", &db);
    shop.function("functions/one", "timeout: 5s\n", 11);
    shop.function(
        "functions/deep/er/two",
        "hooks:\n  - { type: database, source: posts, action: insert, timing: before }\n",
        12,
    );
    shop.function("node_modules/no", "", 13);
    shop.function(".hidden/no", "", 13);
    shop.function("three", "hooks: [{ type: database, source: nowhere, action: insert }]\n", 14);
    let refused = shop.run(&["deploy"]).says(5, &["cannot deploy \"three\"", "nowhere", "none of the others"]);
    assert!(refused.err.contains("[42P01]"), "{refused:?}");
    assert_eq!(db.value("SELECT count(*) FROM alyx.functions"), "0");

    shop.write("three/manifest.yaml", "");
    let done = shop.json(&["deploy"]);
    let names: Vec<_> =
        done["functions"].as_array().unwrap().iter().map(|f| (&f["name"], &f["version"], &f["changed"])).collect();
    assert_eq!(json!(names), json!([["two", 1, true], ["one", 1, true], ["three", 1, true]]));
    assert_eq!(db.value("SELECT fn_invoke('two')"), "12");
    assert_eq!(db.value("SELECT manifest FROM alyx.functions WHERE name = 'one'"), "timeout: 5s\n");
    assert_eq!(db.value("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'posts'::regclass"), "1");

    let again = shop.run(&["deploy", "functions/one", "three"]).ok();
    assert_eq!(again.out.matches("unchanged").count(), 2, "{again:?}");
    assert_eq!(db.value("SELECT count(*) FROM alyx.versions"), "3");
}

#[test]
fn a_dry_run_tells_and_writes_nothing() {
    let mut db = Db::new("cli_dry");
    db.run("CREATE TABLE t (a int)");
    let shop = Workshop::with("dry", &db);
    shop.function("one", "timeout: 5s\nenv: { A: '1', B: '2' }\nhooks: [{ type: http, methods: [POST] }]\n", 11);
    let new = shop.run(&["deploy", "--dry-run"]).ok();
    assert!(new.out.contains("+ new one") && new.out.contains("timeout: 10s → 5s"), "{new:?}");
    assert_eq!(db.value("SELECT count(*) FROM alyx.functions"), "0");

    // What a deploy would refuse here is told now: this server runs no workers, and no clock shows 99 minutes.
    shop.write("one/manifest.yaml", "hooks: [{ type: schedule, cron: '99 * * * *' }]\n");
    let refused = shop.run(&["deploy", "--dry-run"]);
    assert_eq!(refused.code, 5, "{refused:?}");
    assert!(refused.err.contains("shared_preload_libraries") && refused.err.contains("99"), "{refused:?}");
    shop.write("one/manifest.yaml", "sql: [{ create: f(a int) returns int, export: nope }]\n");
    let refused = shop.run(&["deploy", "--dry-run"]);
    assert!(refused.err.contains("module of function \"one\" has no callable export \"nope\""), "{refused:?}");

    shop.write("one/manifest.yaml", "timeout: 5s\nenv: { A: '1', B: '2' }\n");
    shop.run(&["deploy", "--yes"]).ok();
    shop.function(
        "one",
        "timeout: 1500ms\nenv: { A: '1', C: ${C} }\nhooks: [{ type: database, source: t, action: insert }]\n",
        12,
    );
    shop.write(".env", "C=topsecret\n");
    let text = shop.run(&["deploy", "--dry-run"]).ok().out;
    for line in [
        "~ changed one (version 1)",
        "timeout: 5s → 1500ms",
        "env.B: 2 (removed)",
        "env.C: ${C}",
        "+ hooks: database sync after insert on t",
    ] {
        assert!(text.contains(line), "no {line:?} in {text}");
    }
    assert!(!text.contains("topsecret"), "{text}");
    assert!(text.contains(" → ") && text.contains("module"), "{text}");
    let diff = shop.json(&["deploy", "--dry-run"]);
    assert_eq!(
        (&diff["changes"], &diff["functions"][0]["state"], &diff["functions"][0]["old"]["version"]),
        (&json!(1), &json!("changed"), &json!(1))
    );
    assert_eq!(db.value("SELECT version, fn_invoke('one') FROM alyx.functions"), "1|11");

    shop.run(&["deploy"]).ok();
    assert_eq!(db.value("SELECT env ->> 'C' FROM (SELECT manifest::text FROM alyx.functions) f, LATERAL (SELECT CASE WHEN f.manifest LIKE '%C: \"topsecret\"%' THEN '{\"C\":\"yes\"}'::jsonb END AS env) e"), "yes");
    let none = shop.run(&["deploy", "--dry-run"]).ok().out;
    assert!(none.contains("nothing would change"), "{none}");

    shop.write("one/plugin.wasm", b"\0asm\x01\0\0\0\x63");
    shop.run(&["deploy", "--dry-run"]).says(5, &["\"one\" would be refused", "[22P03]"]);
}

#[test]
fn variables_come_from_the_environment_then_env_files() {
    let mut db = Db::new("cli_variables");
    let shop = Workshop::with("variables", &db);
    let configured = alyx_tests::guest("configured");
    shop.write("one/plugin.wasm", &configured);
    shop.write("one/manifest.yaml", "env: { OUTCOME: \"[${ALYX_T_A}, ${ALYX_T_B}, ${ALYX_T_C}]\" }\n");
    shop.run(&["deploy"]).says(2, &["${ALYX_T_A}, ${ALYX_T_B}, ${ALYX_T_C}", ".env", "ALYX_T_B=…"]);
    shop.write(".env", "ALYX_T_A=1\nALYX_T_B=2\nALYX_T_C=3\n");
    shop.write("one/.env", "export ALYX_T_B='20'\nALYX_T_C=30\n");
    let mut command = shop.command(&["deploy"]);
    crate::house::ran(command.env("ALYX_T_C", "300")).ok();
    assert_eq!(db.value("SELECT fn_invoke('one')"), "[1, 20, 300]");
    shop.write(".env", "this is no setting");
    shop.run(&["deploy"]).says(2, &[".env", "NAME=value"]);
}

#[test]
fn config_in_the_source_counts_where_the_manifest_is_silent() {
    let mut db = Db::new("cli_config");
    let shop = Workshop::with("config", &db);
    let mut wasm = answering(11);
    let config = br#"{"timeout":"9s","memory":"8mb"}"#;
    wasm.extend([0, u8::try_from(1 + 13 + config.len()).unwrap(), 13]);
    wasm.extend(b"alyx.manifest");
    wasm.extend(config);
    shop.write("one/plugin.wasm", &wasm);
    shop.write("one/manifest.yaml", "timeout: 5s\n");
    shop.write("two/plugin.wasm", &wasm);
    shop.write("two/package.json", r#"{"name":"two","dependencies":{"@alyx/functions":"1"}}"#);
    let done = shop.json(&["deploy"]);
    assert_eq!(done["functions"][1]["name"], "two");
    let manifest = db.value("SELECT manifest FROM alyx.functions WHERE name = 'one'");
    assert_eq!(manifest, "timeout: 5s\n\"memory\": \"8mb\"\n");
    // A mistake in the manifest is still told with its own line.
    shop.write("one/manifest.yaml", "timeout: 5s\nmemmory: 8mb\n");
    shop.run(&["deploy", "one"]).says(2, &["manifest.yaml:2:1", "memmory", "Did you mean"]);
}

#[test]
fn a_module_older_than_its_sources_is_deployed_with_a_word() {
    let db = Db::new("cli_stale");
    let shop = Workshop::with("stale", &db);
    shop.write("made/source.txt", "one");
    shop.function("made", "build: { command: 'true', watch: [source.txt] }\n", 5);
    let fresh = shop.run(&["deploy", "--yes"]).ok();
    assert!(!fresh.err.contains("source.txt"), "{fresh:?}");
    std::thread::sleep(std::time::Duration::from_millis(20));
    shop.write("made/source.txt", "two");
    for words in [&["deploy", "--yes"][..], &["deploy", "--dry-run"]] {
        let stale = shop.run(words).ok();
        assert!(stale.err.contains("source.txt was changed after the module of made was built"), "{stale:?}");
        assert!(stale.err.contains("--build"), "{stale:?}");
    }
}
