//! What guests do in the web: a server of the crowd's own answers well and badly, and some places are closed.

use crate::crowd::{Action, Visit, wrong};
use alyx_tests::{Refusal, Reply, Request, Web, literal};
use serde_json::json;
use std::time::Duration;

/// What a client that fetches chooses from.
pub const ACTIONS: &[Action] = &[
    Action { name: "fetch", weight: 12, endings: &[], run: fetch },
    Action { name: "fetch, Extism", weight: 4, endings: &[], run: fetch_as_extism },
    Action { name: "bad server", weight: 8, endings: &[], run: bad_server },
    Action { name: "closed place", weight: 6, endings: &[], run: closed_place },
    Action { name: "stopped in a fetch", weight: 3, endings: &[], run: stopped },
];

/// What a bad server does, and what a guest is told of it.
const BAD: &[(&str, &str)] = &[
    ("/silence", "08006"),
    ("/drip", "08006"),
    ("/flood", "54000"),
    ("/headers", "54000"),
    ("/loop", "54000"),
    ("/close", "08006"),
    ("/garbage", "08006"),
    ("/away", "42501"),
    ("/down", "22023"),
];

/// The server.
pub fn open() -> Web {
    Web::new(answer)
}

fn answer(request: &Request) -> Reply {
    match request.target.as_str() {
        "/silence" => Reply::silence(),
        "/drip" => Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nx").then_hang(),
        "/flood" => Reply::raw("HTTP/1.1 200 OK\r\n\r\n").then_flood([b'x'; 65536]),
        "/headers" => Reply::raw("HTTP/1.1 200 OK\r\n").then_flood("x-more: and more and more\r\n"),
        "/loop" => Reply::redirect(302, "/loop"),
        "/away" => Reply::redirect(302, "http://169.254.169.254/latest/meta-data/"),
        "/down" => Reply::redirect(307, "file:///etc/passwd"),
        "/close" => Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this").then_close(),
        "/garbage" => Reply::raw("\0\u{1}what is this\r\n\r\n").then_close(),
        "/slow" => Reply::default()
            .then_pause(Duration::from_millis(50))
            .then("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nslow"),
        _ => Reply::text(&String::from_utf8_lossy(&request.body)),
    }
}

/// Fetches, and gives the status or the error's code, and what else there is to say.
fn ask(visit: &mut Visit<'_>, request: &serde_json::Value) -> Result<String, Refusal> {
    let sql = format!(
        "SELECT coalesce(r ->> 'status', (r #>> '{{error,code}}') || ' ' || (r #>> '{{error,message}}')) FROM web_fetch({}) r",
        literal(&request.to_string())
    );
    visit.session.attempt(&sql).map(|rows| rows.join(""))
}

fn expect(found: &str, expected: &str, what: &str) -> Result<(), Refusal> {
    if found.starts_with(expected) { Ok(()) } else { Err(wrong(format!("{what} gave {found} and not {expected}"))) }
}

fn fetch(visit: &mut Visit<'_>) -> Result<(), Refusal> {
    let url = visit.stage.web.url(visit.dice.pick(&["/echo", "/echo", "/slow"]));
    let body = "x".repeat(visit.dice.below(50_000) as usize);
    let found = ask(visit, &json!({"method": "POST", "url": url, "body": body, "headers": {"x-soak": "1"}}))?;
    expect(&found, "200", &url)
}

fn fetch_as_extism(visit: &mut Visit<'_>) -> Result<(), Refusal> {
    let request = literal(&json!({"url": visit.stage.web.url("/echo"), "method": "GET"}).to_string());
    let found = visit.session.attempt(&format!("SELECT web_status({request})"))?;
    expect(&found.join(""), "200", "http_request")
}

fn bad_server(visit: &mut Visit<'_>) -> Result<(), Refusal> {
    let (path, code) = BAD[visit.dice.below(BAD.len() as u64) as usize];
    let found = ask(visit, &json!({"url": visit.stage.web.url(path), "timeout_ms": 500}))?;
    // A machine that is too busy runs out of time first.
    if found.contains("timed out") { Ok(()) } else { expect(&found, code, path) }
}

fn closed_place(visit: &mut Visit<'_>) -> Result<(), Refusal> {
    let port = visit.stage.web.port();
    let places = [
        format!("http://localhost:{port}/"),
        format!("http://127.0.0.2:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        "http://127.0.0.1:22/".to_owned(),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
    ];
    let url = &places[visit.dice.below(places.len() as u64) as usize];
    let found = ask(visit, &json!({"url": url}))?;
    expect(&found, "42501", url)
}

/// While the guest waits for a server that says nothing.
fn stopped(visit: &mut Visit<'_>) -> Result<(), Refusal> {
    visit.session.attempt("BEGIN; SET LOCAL statement_timeout = 30")?;
    let request = json!({"url": visit.stage.web.url("/silence")});
    match ask(visit, &request) {
        Ok(found) => Err(wrong(found)),
        Err(refusal) => Err(refusal),
    }
}
