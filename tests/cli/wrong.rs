//! What a user does wrong, and what he is told: what, why, what to do, and an exit code that scripts can go by.

use crate::house::{Workshop, interrupt, ran};
use alyx_tests::{Db, Server, wait_until};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn calls_that_cannot_be() {
    let mut db = Db::new("cli_wrong_calls");
    let shop = Workshop::with("wrong", &db);
    db.deploy("fail", &alyx_tests::guest("fail"), "entrypoint: error_and_code\n");
    shop.run(&["invoke", "nobody"]).says(5, &["error: cannot call \"nobody\"", "why:", "do:", "[42883]"]);
    shop.run(&["invoke", "fail", "{bad: json}"]).says(2, &["is not JSON", "{bad: json}", "single quotes"]);
    shop.run(&["invoke", "fail", "@missing.json"]).says(2, &["missing.json"]);
    shop.run(&["invoke", "fail", "--role", "no_such_role"]).says(5, &["no_such_role"]);
    shop.run(&["invoke", "fail"]).says(5, &["[38000]", "the cat is out", "alyx function \"fail\""]);
    shop.run(&["invoke", "nobody", "--claims", "[1]"]).says(2, &["--claims is no JSON object"]);
    let option = shop.run(&["build", "--json", "--frob"]);
    assert_eq!((option.code, option.json()["error"]["exit_code"].as_u64()), (2, Some(2)), "{option:?}");
    let json = shop.run(&["invoke", "nobody", "--json"]);
    assert_eq!((json.code, json.err.as_str()), (5, ""));
    assert_eq!((&json.json()["error"]["sqlstate"], &json.json()["error"]["exit_code"]), (&"42883".into(), &5.into()));
    shop.run(&["invoke"]).says(2, &["<NAME>"]);
    shop.run(&["replay", "nobody"]).says(5, &["nobody"]);
    shop.run(&["frobnicate"]).says(2, &["frobnicate"]);
}

#[test]
fn databases_that_cannot_be_used() {
    let db = Db::new("cli_wrong_db");
    let shop = Workshop::new("wrong_db", None);
    let with = |url: &str, args: &[&str]| ran(shop.command(args).env("DATABASE_URL", url));
    shop.run(&["functions"]).says(2, &["no database is given", "DATABASE_URL"]);
    with("postgres://u@127.0.0.1:1/x", &["functions"]).says(4, &["cannot connect", "127.0.0.1:1", "Start the server"]);
    with("http://example.com", &["functions"]).says(2, &["address cannot be read", "postgres://"]);
    with(&db.server().url(db.name(), "no_such_role"), &["functions"]).says(4, &["no_such_role"]);
    let empty = Db::empty(Server::shared(), "cli_wrong_empty");
    with(&crate::house::url(&empty), &["functions"]).says(5, &["CREATE EXTENSION alyx_functions"]);
}

#[test]
fn folders_that_are_wrong() {
    let db = Db::new("cli_wrong_folders");
    let shop = Workshop::with("folders", &db);
    shop.run(&["deploy"]).says(2, &["there is no function in", "alyx new"]);
    shop.run(&["deploy", "nowhere"]).says(2, &["nowhere"]);
    shop.write("file", "");
    shop.run(&["build", "file"]).says(2, &["file is not a folder"]);
    shop.run(&["dev", "file"]).says(2, &["file is not a folder"]);
    shop.write("one/manifest.yaml", "name: one\nenv:\n  A: [\n");
    shop.run(&["deploy"]).says(2, &["one/manifest.yaml:", "invalid YAML"]);
    shop.write("one/manifest.yaml", "name: one\n");
    shop.run(&["deploy"]).says(3, &["\"one\" has no module", "plugin.wasm"]);
    shop.write("one/plugin.wasm", "<html>");
    shop.run(&["deploy"]).says(5, &["cannot deploy \"one\"", "[22P03]"]);
    fs::create_dir(shop.dir.join("big")).unwrap();
    shop.write("big/manifest.yaml", "");
    fs::File::create(shop.dir.join("big/plugin.wasm")).unwrap().set_len(3 << 30).unwrap();
    shop.run(&["deploy", "big"]).says(3, &["too large for a module"]);
    fs::File::create(shop.dir.join("big/plugin.wasm")).unwrap().set_len(40 << 20).unwrap();
    shop.run(&["deploy", "big"]).says(5, &["cannot deploy \"big\""]);
    shop.write("UPPER/manifest.yaml", "");
    shop.write("UPPER/plugin.wasm", crate::house::answering(10));
    shop.run(&["deploy", "UPPER"]).says(2, &["\"UPPER\" cannot be the name"]);
    shop.function("a/same", "", 11);
    shop.function("b/same", "", 11);
    shop.run(&["deploy", "a", "b"]).says(2, &["two folders are called \"same\"", "a/same"]);
}

#[test]
fn builds_that_fail() {
    let shop = Workshop::new("builds", None);
    shop.write("no-tool/manifest.yaml", "build: { command: no-such-program-at-all }\n");
    shop.run(&["build", "no-tool"]).says(3, &["cannot run \"no-such-program-at-all\"", "PATH"]);
    shop.write("fails/manifest.yaml", "build: { command: sh, args: [-c, 'echo line 7: no semicolon >&2; exit 9'] }\n");
    shop.run(&["build", "fails"]).says(3, &["fails | line 7: no semicolon", "exit code 9"]);
    shop.write("nothing/manifest.yaml", "build: { command: 'true' }\n");
    shop.run(&["build", "nothing"]).says(3, &["there is no nothing/plugin.wasm", "output"]);
    shop.run(&["build"]).says(3, &["3 of 3 functions were not built"]);
    shop.write("node/package.json", r#"{"dependencies": {"@alyx/functions": "1"}}"#);
    let mut command = shop.command(&["build", "node"]);
    ran(command.env("PATH", "/nonexistent")).says(3, &["cannot run \"npm\"", "Node.js"]);
}

#[test]
fn folders_that_cannot_be_written() {
    let shop = Workshop::new("readonly", None);
    let dir = shop.dir.join("locked");
    fs::create_dir(&dir).unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o555)).unwrap();
    // Root may write anywhere but where nobody can.
    let dir = if fs::write(dir.join("x"), "").is_ok() { Path::new("/proc").to_owned() } else { dir };
    shop.run(&["new", "hello", "--dir", dir.join("hello").to_str().unwrap()]).says(1, &["cannot make"]);
}

#[test]
fn ctrl_c_ends_the_build_and_what_it_started() {
    let shop = Workshop::new("ctrl_c", None);
    shop.write("slow/manifest.yaml", "build: { command: sh, args: [-c, 'sleep 1000 & echo $! > child; wait'] }\n");
    let mut child = shop.command(&["build", "slow"]).spawn().unwrap();
    let file = shop.dir.join("slow/child");
    wait_until("the build runs", || fs::read_to_string(&file).is_ok_and(|text| text.ends_with('\n')));
    let sleeper = fs::read_to_string(&file).unwrap().trim().to_owned();
    let begun = Instant::now();
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(begun.elapsed() < Duration::from_secs(2));
    let is_gone = || {
        let state = Command::new("ps").args(["-o", "stat=", "-p", &sleeper]).output().unwrap().stdout;
        state.is_empty() || state.starts_with(b"Z")
    };
    wait_until("its child ended", is_gone);
}

#[test]
fn ctrl_c_in_a_deploy_leaves_nothing_of_it() {
    let mut db = Db::new("cli_ctrl_c_deploy");
    db.run("CREATE TABLE busy (a int)");
    let shop = Workshop::with("ctrl_c_deploy", &db);
    shop.function("a-first", "", 11);
    shop.function("b-waits", "hooks: [{ type: database, source: busy, action: insert }]\n", 12);
    let mut holder = db.session();
    holder.run("BEGIN; LOCK TABLE busy IN ACCESS EXCLUSIVE MODE");
    let mut child = shop.command(&["deploy"]).spawn().unwrap();
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'busy'::regclass";
    let mut watcher = db.session();
    wait_until("the deploy waits for the table", || watcher.value(waits) == "1");
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    holder.run("COMMIT");
    wait_until("its session ended", || {
        watcher.value(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'alyx' AND datname = current_database()",
        ) == "0"
    });
    assert_eq!(db.value("SELECT count(*) FROM alyx.functions"), "0");
}
