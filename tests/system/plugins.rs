//! Plugins that others published, unmodified, deployed and called through SQL.

use alyx_tests::{Db, Reply, Web, guest, literal};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A plugin of the conformance set, fetched from the registry when it is not there yet.
fn plugin(file: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests lies in the repository");
    let folder =
        std::env::var_os("ALYX_CONFORMANCE_PLUGINS").map_or_else(|| root.join("target/conformance"), PathBuf::from);
    if !folder.join(file).exists() {
        let fetched = Command::new(root.join("tests/conformance/fetch.sh")).arg(&folder).status();
        assert!(fetched.is_ok_and(|status| status.success()), "fetch.sh could not fetch the plugins");
    }
    std::fs::read(folder.join(file)).expect(file)
}

#[test]
fn a_published_plugin_is_an_sql_function() {
    let mut db = Db::new("plugins_vowels");
    for version in ["1.2.1", "1.3.0", "1.4.1"] {
        db.deploy("vowels", &plugin(&format!("extism-pdk-{version}-count_vowels.wasm")), "");
        db.run("CREATE OR REPLACE FUNCTION f(text) RETURNS json LANGUAGE wasm AS 'vowels:count_vowels'");
        for (input, output) in
            [("'Hello World aeiou AEIOU'", r#"{"count":13}"#), ("''", r#"{"count":0}"#), ("'ßçé'", r#"{"count":0}"#)]
        {
            assert_eq!(db.value(&format!("SELECT f({input})")), output, "{version}");
        }
    }
    assert_eq!(db.value("SELECT sum((f(repeat('a', i)) ->> 'count')::int) FROM generate_series(1, 100) i"), "5050");
}

#[test]
fn the_oldest_abi_still_runs() {
    let mut db = Db::new("plugins_oldest");
    db.deploy("code", &plugin("extism-pdk-1.0.1-code.wasm"), "entrypoint: count_vowels\n");
    db.run("CREATE FUNCTION f(text) RETURNS json LANGUAGE wasm AS 'code:count_vowels'");
    assert_eq!(db.json("SELECT f('this is a test')")["count"], 4);
}

#[test]
fn its_host_functions_are_mapped_to_deployed_functions() {
    let mut db = Db::new("plugins_mapped");
    let wasm = plugin("extism-pdk-1.4.1-host_function.wasm");
    let refusal = db.deploy_refused("asks", &wasm, "entrypoint: count_vowels\n", "0A000");
    assert!(refusal.says("hello_world"), "{refusal}");
    db.deploy("echo", &guest("echo"), "");
    db.deploy("asks", &wasm, "entrypoint: count_vowels\nhost_functions: {hello_world: echo}\n");
    db.run("CREATE FUNCTION f(text) RETURNS json LANGUAGE wasm AS 'asks:count_vowels'");
    assert_eq!(db.json("SELECT f('this is a test aaa')")["count"], 7);
}

#[test]
fn its_http_requests_are_refused() {
    let mut db = Db::new("plugins_http");
    db.deploy("fetch", &plugin("extism-pdk-1.4.1-http.wasm"), "entrypoint: http_get\n");
    db.run("CREATE FUNCTION f(text) RETURNS text LANGUAGE wasm AS 'fetch:http_get'");
    db.refused(r#"SELECT f('{"url": "http://127.0.0.1/", "headers": {}, "method": "GET"}')"#, "42501");
}

#[test]
fn its_http_requests_go_where_the_manifest_allows() {
    let mut db = Db::new("plugins_http_allowed");
    let web = Web::new(|request| Reply::text(request.header("x-from").unwrap_or_default()));
    db.run("SET alyx_functions.http_allowed_networks = '127.0.0.1'");
    let manifest = format!("entrypoint: http_get\nallowed_hosts: [\"{}\"]\n", web.origin());
    db.deploy("fetch", &plugin("extism-pdk-1.4.1-http.wasm"), &manifest);
    db.run("CREATE FUNCTION f(text) RETURNS text LANGUAGE wasm AS 'fetch:http_get'");
    let request = format!(r#"{{"url": "{}", "headers": {{"X-From": "plugin"}}, "method": "GET"}}"#, web.url("/"));
    assert_eq!(db.value(&format!("SELECT f({})", literal(&request))), "plugin");
}
