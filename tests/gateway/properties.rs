//! Requests that nobody thought of, made from `/openapi.json` by schemathesis: no answer is a surprise.

use super::house::House;
use alyx_tests::guest;
use serde_json::json;
use std::process::Command;

/// `cargo xtask test` installs it and says where.
fn schemathesis() -> String {
    std::env::var("ALYX_TEST_SCHEMATHESIS").expect("ALYX_TEST_SCHEMATHESIS, which `cargo xtask test` sets")
}

#[test]
fn every_answer_is_as_the_document_says() {
    let mut house = House::new("gw_properties");
    let dev = house.deployer("dev");
    let authenticator = house.authenticator.clone();
    house.run(&format!("GRANT {dev} TO {authenticator}"));
    let mut session = house.session_as(&dev);
    let manifest = "description: Adds\ninput: {n: {type: integer, required: true}, note: {type: string, maxLength: 5}}\n\
                    hooks:\n  - {type: http, methods: [GET, PUT, DELETE], path: more, auth: optional}\n  - {type: schedule, cron: '@daily', input: {n: 1}}\n";
    session.deploy("typed", &guest("echo"), manifest);
    session.deploy("loose", &guest("echo"), "hooks: [{type: http, auth: none}]\n");
    session.run("SELECT fn_enqueue('typed', '{\"n\": 1}', now() + interval '1 day')");
    let gateway = house.serve(&["--pool-size", "4"]);
    let token = house.token_with(&json!({ "role": dev }));
    let output = Command::new(schemathesis())
        .args(["--config-file", concat!(env!("CARGO_MANIFEST_DIR"), "/gateway/schemathesis.toml"), "run"])
        .arg(format!("http://{}/openapi.json", gateway.address))
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args(["--max-examples", "15", "--seed", "1", "--workers", "1", "--no-color", "--request-timeout", "20"])
        .env("HOME", std::env::temp_dir())
        .current_dir(std::env::temp_dir())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(!gateway.log().contains("panicked"), "{}", gateway.log());
}
