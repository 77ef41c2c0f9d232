//! The private server of `alyx dev`: from nothing to a row, kept for the next time, stopped at the end.

use crate::house::{Workshop, answering};
use alyx_tests::Server;
use std::fs;

#[test]
fn it_starts_from_nothing_is_stopped_and_keeps_its_data() {
    let shop = Workshop::new("private", None);
    let bin = Server::shared().bin.display().to_string();
    shop.function("one", "", 11);
    let mut dev = shop.dev(&["--pg-bin", &bin]);
    let server = dev.wait("server", "");
    dev.wait("deployed", "one");
    let url = server["url"].as_str().unwrap();
    let connect = |url: &str| postgres::Client::connect(url, postgres::NoTls);
    let mut client = connect(url).unwrap();
    client.batch_execute("CREATE TABLE kept (a int); INSERT INTO kept VALUES (7)").unwrap();
    let answer: String = client.query_one("SELECT fn_invoke('one')::text", &[]).unwrap().get(0);
    assert_eq!(answer, "11");
    // The port asks for the password.
    let (front, _) = url.split_once(':').and_then(|(_, rest)| rest.split_once(':')).unwrap();
    let wrong = url.replace(url.split('@').next().unwrap(), &format!("postgres:{front}:wrong"));
    shop.run(&["functions", "--database-url", &wrong]).says(4, &["[28P01]", "Check user and password"]);
    shop.run(&["functions", "--database-url", url]).ok();
    let secure = format!("{url}?sslmode=require");
    shop.run(&["functions", "--database-url", &secure]).says(4, &["TLS"]);
    // Other commands in the folder find it.
    assert_eq!(shop.json(&["invoke", "one"])["output"], 11);
    // A second one uses the first's, and leaves it running.
    let mut second = shop.dev(&["--pg-bin", &bin]);
    assert_eq!(second.wait("server", "")["url"], server["url"]);
    second.wait("unchanged", "one");
    assert_eq!(second.stop(), 0);
    client.simple_query("SELECT 1").unwrap();
    drop(client);

    assert_eq!(dev.stop(), 0);
    let pid_file = fs::canonicalize(shop.dir.join(".alyx/postgres")).unwrap().join("data/postmaster.pid");
    assert!(!pid_file.exists(), "the server runs on");
    shop.run(&["invoke", "one"]).says(2, &["no database is given"]);

    // A crash left its number, which now is somebody else's: ours.
    let data = pid_file.parent().unwrap();
    fs::write(&pid_file, format!("{}\n{}\n0\n5432\n/tmp\n\n0 0\nready\n", std::process::id(), data.display())).unwrap();
    shop.write("one/plugin.wasm", answering(12));
    let mut dev = shop.dev(&["--pg-bin", &bin]);
    let server = dev.wait("server", "");
    dev.wait("deployed", "one");
    // One that is killed leaves its server behind; the next one stops it.
    dev.kill();
    let mut dev = shop.dev(&["--pg-bin", &bin]);
    assert_eq!(dev.wait("server", "")["url"], server["url"]);
    dev.wait("unchanged", "one");
    let mut client = connect(server["url"].as_str().unwrap()).unwrap();
    assert_eq!(client.query_one("SELECT a FROM kept", &[]).unwrap().get::<_, i32>(0), 7);
    drop(client);
    assert_eq!(dev.stop(), 0);
    assert!(!pid_file.exists(), "the server runs on");
}

#[test]
fn without_an_installation_it_says_where_it_looked() {
    let shop = Workshop::new("private_none", None);
    shop.function("one", "", 11);
    shop.run(&["dev", "--pg-bin", "/nonexistent"])
        .says(1, &["no PostgreSQL with the extension", "/nonexistent: has no initdb", "DATABASE_URL"]);
}
