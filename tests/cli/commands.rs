//! The other commands, each against the real thing.

use crate::house::{Workshop, answering, ran};
use alyx_tests::command_line;
use alyx_tests::{Cluster, Db, guest, wait_until};
use serde_json::json;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[test]
fn new_makes_a_folder_in_each_language() {
    let shop = Workshop::new("new", None);
    for lang in ["ts", "js", "rust", "zig", "c"] {
        let made = shop.json(&["new", &format!("my-{lang}"), "--lang", lang]);
        assert!(shop.dir.join(format!("my-{lang}/manifest.yaml")).is_file(), "{made}");
    }
    assert!(shop.dir.join("my-rust/Cargo.toml").is_file() && shop.dir.join("my-ts/.gitignore").is_file());
    shop.run(&["new", "my-c", "--lang", "c"]).says(2, &["my-c is there already", "--dir"]);
    shop.run(&["new", "My Function"]).says(2, &["cannot be the name of a function"]);
    let left: Vec<_> = fs::read_dir(&shop.dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 5, "{left:?}");
}

#[test]
fn the_template_in_c_works_from_an_empty_folder_to_a_row() {
    let mut db = Db::new("cli_template_c");
    let shop = Workshop::with("template", &db);
    shop.run(&["new", "say-hello", "--lang", "c"]).ok();
    let built = shop.json(&["build", "say-hello"]);
    assert_eq!((&built["functions"][0]["name"], &built["functions"][0]["ok"]), (&json!("say-hello"), &json!(true)));
    shop.run(&["deploy", "say-hello"]).ok();
    assert_eq!(
        shop.json(&["invoke", "say-hello", r#"{"title": "Hello, \"World\"!"}"#])["output"],
        json!({"slug": "hello-world"})
    );
    db.run(&fs::read_to_string(shop.dir.join("say-hello/demo.sql")).unwrap());
    assert_eq!(db.value("SELECT slug FROM say_hello_posts"), "hello-world");
}

#[test]
fn the_template_in_rust_works_from_an_empty_folder_to_a_row() {
    let mut db = Db::new("cli_template_rust");
    let shop = Workshop::with("template_rust", &db);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let sdk = root.join("sdk/rust").display().to_string();
    shop.run(&["new", "make-slug", "--lang", "rust", "--sdk", &sdk]).ok();
    // Built where the other guests are, so that std is there already; and with what they brought, so without network.
    let toolchains = std::env::var_os("ALYX_TOOLCHAINS").map_or_else(|| root.join("target/toolchains"), PathBuf::from);
    symlink(toolchains.join("rust/target"), shop.dir.join("make-slug/target")).unwrap();
    let mut build = Command::new(root.join("xtask/with-rust-guest"));
    build.arg(command_line()).args(["build", "make-slug"]).current_dir(&shop.dir).env("CARGO_NET_OFFLINE", "true");
    ran(&mut build).ok();
    shop.run(&["deploy", "make-slug"]).ok();
    assert_eq!(
        shop.json(&["invoke", "make-slug", r#"{"title": "Hello, \"World\"!"}"#])["output"],
        json!({"slug": "hello-world"})
    );
    db.run(&fs::read_to_string(shop.dir.join("make-slug/demo.sql")).unwrap());
    assert_eq!(db.value("SELECT slug FROM make_slug_posts"), "hello-world");
}

#[test]
fn invoke_takes_input_role_and_claims() {
    let mut db = Db::new("cli_invoke");
    let role = db.role("caller");
    let shop = Workshop::with("invoke", &db);
    db.deploy_guest("echo");
    db.run(&format!("GRANT EXECUTE ON FUNCTION echo(jsonb) TO {role}"));
    assert_eq!(shop.run(&["invoke", "echo", r#"{"a": 1}"#]).ok().out, "{\n  \"a\": 1\n}\n");
    shop.write("input.json", "[1, 2]");
    assert_eq!(shop.json(&["invoke", "echo", "@input.json"])["output"], json!([1, 2]));
    let piped = shop
        .command(&["invoke", "echo", "-"])
        .stdin(fs::File::open(shop.dir.join("input.json")).unwrap())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&piped.stdout), "[\n  1,\n  2\n]\n");
    assert_eq!(shop.json(&["invoke", "echo"])["output"], json!({}));
    assert_eq!(shop.json(&["invoke", "echo", "-1"])["output"], json!(-1));
    shop.run(&["invoke", "echo", "--role", &role]).ok();
    db.run(&format!("REVOKE ALL ON FUNCTION echo(jsonb) FROM {role}"));
    shop.run(&["invoke", "echo", "--role", &role]).says(5, &["cannot call \"echo\"", "[42501]"]);

    db.run("CREATE TABLE seen (claims text, role text)");
    db.deploy_query();
    db.run(&format!("GRANT INSERT ON seen TO {role}"));
    let insert = "INSERT INTO seen SELECT current_setting('request.jwt.claims'), current_user";
    let manifest = "entrypoint: db_query\n";
    db.deploy("asks", &guest("ask"), manifest);
    db.run(&format!("GRANT EXECUTE ON FUNCTION asks(jsonb) TO {role}"));
    let request = json!({"sql": insert}).to_string();
    shop.run(&["invoke", "asks", &request, "--role", &role, "--claims", r#"{"sub": "42"}"#, "--rollback"]).ok();
    assert_eq!(db.value("SELECT count(*) FROM seen"), "0");
    shop.run(&["invoke", "asks", &request, "--role", &role, "--claims", r#"{"sub": "42"}"#]).ok();
    assert_eq!(db.value("SELECT * FROM seen"), format!(r#"{{"sub":"42"}}|{role}"#));
}

#[test]
fn versions_and_rollback() {
    let mut db = Db::new("cli_versions");
    let shop = Workshop::with("versions", &db);
    assert!(shop.run(&["functions"]).ok().out.contains("no functions"));
    db.deploy("one", &answering(11), "");
    db.deploy("one", &answering(12), "");
    let versions = shop.json(&["versions", "one"]);
    assert_eq!((&versions[0]["version"], &versions[1]["is_current"]), (&json!(2), &json!(false)));
    assert!(shop.run(&["rollback", "one"]).ok().out.contains("version 1 is current"));
    assert_eq!(shop.json(&["invoke", "one"])["output"], json!(11));
    assert_eq!(shop.json(&["rollback", "one", "2"])["version"], json!(2));
    assert_eq!(shop.json(&["functions"])[0]["version"], json!(2));
    shop.run(&["rollback", "one", "9"]).says(5, &["[42883]"]);
    shop.run(&["versions", "nobody"]).says(5, &["nobody", "alyx.functions"]);
}

#[test]
fn types_of_tables() {
    let mut db = Db::new("cli_types");
    let shop = Workshop::with("types", &db);
    db.run(
        "CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN slug AS text NOT NULL; CREATE DOMAIN moods AS mood[];
         CREATE TABLE posts (id bigint GENERATED ALWAYS AS IDENTITY, title text NOT NULL, slug slug, mood mood, moods moods,
           tags text[] NOT NULL DEFAULT '{}', at timestamptz NOT NULL DEFAULT now(), extra jsonb, \"odd name\" numeric NOT NULL,
           twice int GENERATED ALWAYS AS (2) STORED, gone int);
         ALTER TABLE posts DROP COLUMN gone; COMMENT ON TABLE posts IS 'What people write';
         CREATE VIEW short AS SELECT id, title FROM posts; CREATE SCHEMA shop; CREATE TABLE shop.orders (paid bool NOT NULL)",
    );
    shop.run(&["types", "--schema", "public", "--schema", "shop"]).ok();
    let text = fs::read_to_string(shop.dir.join("alyx.d.ts")).unwrap();
    let row = "    posts: {\n      id: number;\n      title: string;\n      slug: string;\n      mood: \"sad\" | \"happy\" | null;\n      \
               moods: (\"sad\" | \"happy\")[] | null;\n      tags: string[];\n      at: string;\n      extra: unknown | null;\n      \
               \"odd name\": number;\n      twice: number | null;\n    };\n";
    let insert = "    posts: {\n      title: string;\n      slug: string;\n      mood?: \"sad\" | \"happy\" | null;\n      \
                  moods?: (\"sad\" | \"happy\")[] | null;\n      tags?: string[];\n      at?: string;\n      extra?: unknown | null;\n      \
                  \"odd name\": number;\n    };\n";
    for part in [
        row,
        insert,
        "/** What people write */",
        "    short: {\n      id: number | null;",
        "    \"shop.orders\": {\n      paid: boolean;",
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    shop.run(&["types", "--check", "--schema", "public", "--schema", "shop"]).ok();
    db.run("ALTER TABLE posts ADD more int");
    shop.run(&["types", "--check", "--schema", "public", "--schema", "shop"]).says(1, &["alyx.d.ts", "alyx types"]);
    shop.run(&["types", "--schema", "nowhere"]).says(2, &["no schema \"nowhere\""]);
    assert!(shop.run(&["types", "-o", "-"]).ok().out.starts_with("// Made by"));
}

#[test]
fn jobs_logs_and_stats_of_a_server_that_preloads() {
    let cluster = Cluster::preloaded("cli_jobs", &[]);
    let mut db = Db::on(cluster.server().clone(), "cli_jobs");
    let shop = Workshop::with("jobs", &db);
    assert_eq!(shop.json(&["jobs"]), json!([]));
    db.deploy("fails", &guest("fail"), "entrypoint: error_and_code\nretry: { attempts: 1 }\n");
    db.run("SELECT fn_enqueue('fails')");
    wait_until("the job is dead", || db.value("SELECT count(*) FROM alyx.dead_jobs") == "1");
    let dead = shop.json(&["jobs", "--dead"]);
    assert_eq!((&dead[0]["function"], &dead[0]["attempt"]), (&json!("fails"), &json!(1)));
    assert!(shop.run(&["jobs", "fails", "--dead"]).ok().out.contains("fails"));
    let id = dead[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(shop.json(&["replay", &id])["replayed"], json!(1));
    wait_until("the job is dead again", || db.value("SELECT count(*) FROM alyx.dead_jobs") == "1");
    assert_eq!(shop.json(&["replay", "fails", "--since", "1 hour ago"])["replayed"], json!(1));
    wait_until("both failures are recorded", || db.value("SELECT count(*) >= 3 FROM alyx.invocations") == "t");
    let logs = shop.run(&["logs", "fails"]).ok().out;
    assert!(logs.contains("fails failed"), "{logs}");
    shop.run(&["logs", "nobody"]).says(5, &["nobody"]);
    wait_until("calls are counted", || shop.json(&["stats"])[0]["calls"].as_i64() >= Some(3));
    assert!(shop.run(&["stats"]).ok().out.contains("P95"));
    shop.json(&["stats", "--minutes", "5"]);

    // A follower sees what comes, and ends with its reader.
    let mut follower = shop.command(&["logs", "-f", "--json", "-n", "0"]).stdout(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(700));
    let _ = db.attempt("SELECT fn_invoke('fails')");
    let mut line = String::new();
    let mut out = std::io::BufReader::new(follower.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    assert!(line.contains("\"function\":\"fails\""), "{line}");
    crate::house::interrupt(&follower);
    assert_eq!(follower.wait().unwrap().code(), Some(130));
}

#[test]
fn completions_and_help_need_no_database() {
    let shop = Workshop::new("help", None);
    for shell in ["bash", "zsh", "fish"] {
        assert!(shop.run(&["completions", shell]).ok().out.contains("rollback"), "{shell}");
    }
    let help = shop.run(&["--help"]).ok().out;
    assert!(help.contains("Exit codes:") && help.contains("  serve "), "{help}");
    assert!(shop.run(&["serve", "--help"]).ok().out.contains("--jwt-secret"));
    assert!(shop.run(&["deploy", "--help"]).ok().out.contains("Examples:"));
    let doctor = shop.json(&["doctor"]);
    assert_eq!(doctor["ok"], json!(true));
}

#[test]
fn the_address_may_stand_in_a_file_or_be_an_option() {
    let db = Db::new("cli_address");
    let shop = Workshop::new("address", None);
    shop.write(".env", format!("DATABASE_URL=\"{}\"\n", crate::house::url(&db)));
    shop.run(&["functions"]).ok();
    let other = db.server().url("no_such_database", "postgres");
    shop.run(&["functions", "--database-url", &other]).says(4, &["no_such_database", "[3D000]"]);
    let mut command = shop.command(&["functions"]);
    ran(command.env("DATABASE_URL", &other)).says(4, &["no_such_database"]);
}
