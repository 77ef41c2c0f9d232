//! The README's section on the web, as it is printed: its SQL, its gateway, its curl lines.

use super::house::Gateway;
use alyx_tests::{Cluster, Db};
use std::path::Path;
use std::process::Command;

/// The code blocks of a section, in order.
fn blocks(section: &str, language: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let text = std::fs::read_to_string(path).unwrap();
    let section = text.split(&format!("\n## {section}\n")).nth(1).expect("the section");
    let section = section.split("\n## ").next().unwrap();
    let fence = format!("```{language}\n");
    section.split(&fence).skip(1).map(|rest| rest.split("\n```").next().unwrap().to_owned()).collect()
}

#[test]
fn its_curl_lines_work() {
    let cluster = Cluster::preloaded("gateway_readme", &["max_worker_processes=20"]);
    let mut db = Db::on(cluster.server().clone(), "gw_readme");
    let wasm = std::fs::read(alyx_tests::guests_folder().join("slugify.wasm")).expect("the example");
    db.deploy("slugify", &wasm, "");
    db.run(&blocks("On the web", "sql")[0]);
    let commands = blocks("On the web", "sh");
    let serve = commands[0].split("alyx serve ").nth(1).expect("alyx serve");
    let url = db.server().url(db.name(), "authenticator");
    let gateway = Gateway::start(&url, &serve.split_whitespace().collect::<Vec<_>>());
    let mut answers = Vec::new();
    for line in commands[1].lines().filter(|line| line.starts_with("curl ")) {
        // As printed, but for the port, which somebody else may have.
        let line = line.replace("localhost:8080", &gateway.address.to_string());
        let output = Command::new("sh").args(["-c", &format!("{line} --silent --show-error --fail")]).output().unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
        answers.push(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    assert_eq!(answers[0], "{\"slug\":\"creme-brulee\"}");
    assert!(answers[1].contains("x-invocation-id"), "{}", answers[1]);
    assert!(answers[2].contains("/functions/v1/slugify"), "{}", answers[2]);
    db.run("DROP OWNED BY anon; DROP ROLE anon, authenticator");
}
