//! TLS to the database: what each `sslmode` accepts of a server with a certificate of an authority that only a file knows.

use crate::house::Workshop;
use alyx_tests::{Cluster, run_as_server_user};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

/// A file that only the server's user can read, as PostgreSQL wants its key.
fn private_file(path: &Path, text: &str) {
    let mut shell = run_as_server_user(Path::new("/bin/sh"));
    let mut child = shell.args(["-c", "umask 077; cat > \"$0\""]).arg(path).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

fn authority(name: &str) -> (String, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    (pem, Issuer::new(params, key))
}

#[test]
fn each_sslmode_asks_for_its_proof() {
    let shop = Workshop::new("tls", None);
    fs::set_permissions(&shop.dir, fs::Permissions::from_mode(0o777)).unwrap();
    let (ours, issuer) = authority("alyx tests");
    let (stranger, _) = authority("somebody else");
    shop.write("ours.pem", ours);
    shop.write("stranger.pem", stranger);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let (cert_file, key_file) = (shop.dir.join("server.pem"), shop.dir.join("server.key"));
    private_file(&cert_file, &certificate.pem());
    private_file(&key_file, &key.serialize_pem());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let cluster = Cluster::preloaded(
        "cli_tls",
        &[
            "ssl=on",
            "listen_addresses=127.0.0.1",
            &format!("port={port}"),
            &format!("ssl_cert_file={}", cert_file.display()),
            &format!("ssl_key_file={}", key_file.display()),
        ],
    );
    let url = |host: &str, options: &str| format!("postgres://postgres@{host}:{port}/postgres{options}");
    let ask = |url: String| shop.run(&["functions", "--database-url", &url]);
    let dir = shop.dir.display();
    // There is no extension: whoever is told so has passed.
    let passed = |url: String| ask(url).says(5, &["CREATE EXTENSION"]);
    for options in ["", "?sslmode=disable", "?sslmode=prefer", "?sslmode=require"] {
        passed(url("127.0.0.1", options));
    }
    passed(url("localhost", &format!("?sslmode=verify-full&sslrootcert={dir}/ours.pem")));
    passed(url("127.0.0.1", &format!("?sslmode=verify-ca&sslrootcert={dir}/ours.pem")));
    for (host, options) in [
        ("127.0.0.1", format!("?sslmode=verify-full&sslrootcert={dir}/ours.pem")),
        ("localhost", "?sslmode=verify-full".to_owned()),
        ("localhost", format!("?sslmode=verify-ca&sslrootcert={dir}/stranger.pem")),
        ("localhost", format!("?sslmode=require&sslrootcert={dir}/stranger.pem")),
    ] {
        ask(url(host, &options)).says(4, &["certificate", "sslrootcert"]);
    }
    ask(url("localhost", &format!("?sslmode=verify-ca&sslrootcert={dir}/none.pem"))).says(2, &["none.pem"]);
    drop(cluster);
}
