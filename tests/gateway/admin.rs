//! Deploy, versions, rollback, invocations, logs, jobs, figures and the document of it all, as REST.

use super::client::{Answer, connect};
use super::house::{Gateway, House, now};
use alyx_tests::{guest, wait_until};
use serde_json::{Value, json};
use std::io::{Read, Write};

/// Two roles that deploy; tokens name them.
fn house(test: &str) -> (House, Gateway, String, String) {
    let mut house = House::new(test);
    let (dev, other) = (house.deployer("dev"), house.deployer("other"));
    let authenticator = house.authenticator.clone();
    house.run(&format!("GRANT {dev}, {other} TO {authenticator}"));
    let gateway = house.serve(&[]);
    let (dev, other) = (house.token_with(&json!({"role": dev})), house.token_with(&json!({"role": other})));
    (house, gateway, dev, other)
}

fn form(fields: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        body.extend_from_slice(format!("--cut\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n").as_bytes());
        body.extend_from_slice(value);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--cut--\r\n");
    body
}

fn deploy(gateway: &Gateway, token: &str, fields: &[(&str, &[u8])]) -> Answer {
    let request = gateway.post("/functions/v1/deploy").header("content-type", "multipart/form-data; boundary=cut");
    request.token(token).body(form(fields)).send()
}

fn get(gateway: &Gateway, token: &str, path: &str) -> Value {
    gateway.get(path).token(token).send().is(200).json()
}

fn items(gateway: &Gateway, token: &str, path: &str) -> Vec<Value> {
    get(gateway, token, path)["items"].as_array().unwrap().clone()
}

#[test]
fn a_form_deploys_and_versions_go_back() {
    let (_house, gateway, dev, other) = house("gw_deploy");
    let (echo, silent) = (guest("echo"), guest("silent"));
    let first = deploy(&gateway, &dev, &[("name", b"mine"), ("wasm", &echo)]).is(201).json();
    assert_eq!((first["function"].as_str(), first["version"].as_i64()), (Some("mine"), Some(1)));
    deploy(&gateway, &dev, &[("name", b"mine"), ("wasm", &echo)]).is(200);
    let manifest = b"description: Says nothing\nhooks: [{type: http, methods: [GET], auth: none}]\n";
    deploy(&gateway, &dev, &[("name", b"mine"), ("wasm", &silent), ("manifest", manifest)]).is(201);
    gateway.get("/functions/v1/mine").send().is(204);
    let listed = items(&gateway, &dev, "/admin/v1/functions");
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["description"], "Says nothing");
    assert_eq!(listed[0]["hooks"][0]["type"], "http");
    assert_eq!(items(&gateway, &dev, "/admin/v1/functions/mine/versions").len(), 2);
    let back = gateway.post("/admin/v1/functions/mine/rollback").token(&dev).send().is(200).json();
    assert_eq!(back["version"], 1);
    gateway.get("/functions/v1/mine").send().is(405);
    let to = gateway.post("/admin/v1/functions/mine/rollback").token(&dev).json(&json!({"version": 2})).send().is(200);
    assert_eq!(to.json()["version"], 2);
    // Somebody else sees and does nothing of it.
    assert!(items(&gateway, &other, "/admin/v1/functions").is_empty());
    gateway.get("/admin/v1/functions/mine/versions").token(&other).send().is(403);
    gateway.post("/admin/v1/functions/mine/rollback").token(&other).send().is(403);
    gateway.post("/admin/v1/functions/mine/pause").token(&other).send().is(403);
    gateway.request("DELETE", "/admin/v1/functions/mine").token(&other).send().is(403);
    deploy(&gateway, &other, &[("name", b"mine"), ("wasm", &echo)]).is(403);
    gateway.request("DELETE", "/admin/v1/functions/mine").token(&dev).send().is(200);
    gateway.get("/functions/v1/mine").send().is(404);
}

#[test]
fn forms_that_are_none_are_refused() {
    let (house, gateway, dev, _) = house("gw_forms");
    let echo = guest("echo");
    assert_eq!(
        deploy(&gateway, &dev, &[("name", b"a")]).is(400).json()["error"]["hint"]
            .as_str()
            .map(|hint| hint.contains("curl")),
        Some(true)
    );
    deploy(&gateway, &dev, &[("name", b"a"), ("name", b"b"), ("wasm", &echo)]).is(400);
    deploy(&gateway, &dev, &[("name", b"a"), ("wasm", &echo), ("x", b"1")]).is(400);
    assert_eq!(deploy(&gateway, &dev, &[("name", b"a"), ("wasm", b"no wasm")]).is(400).code(), "22P03");
    let wrong = deploy(&gateway, &dev, &[("name", b"a"), ("wasm", &echo), ("manifest", b"timeuot: 1s\n")]).is(400);
    assert!(wrong.text().contains("line 1"), "{}", wrong.text());
    deploy(&gateway, &house.token(), &[("name", b"a"), ("wasm", &echo)]).is(403);
    deploy(&gateway, "nonsense", &[("name", b"a"), ("wasm", &echo)]).is(401);
    gateway.post("/functions/v1/deploy").body("x").send().is(401);
    gateway.post("/functions/v1/deploy").token(&dev).body("x").send().is(400);
    let request =
        gateway.post("/functions/v1/deploy").token(&dev).header("content-type", "multipart/form-data; boundary=cut");
    request.body("--cut\r\nno headers").send().is(400);
}

#[test]
fn invocations_show_what_went_in_and_came_out() {
    let (mut house, gateway, dev, other) = house("gw_invocations");
    deploy(&gateway, &dev, &[("name", b"mine"), ("wasm", &guest("echo"))]).is(201);
    let ok = gateway.post("/functions/v1/mine").token(&dev).json(&json!({"a": 1})).send().is(200);
    let id = ok.header("x-invocation-id").unwrap().to_owned();
    house.run("SELECT alyx._drain()");
    let listed = items(&gateway, &dev, "/admin/v1/invocations?function=mine&status=ok&trigger=http&limit=5");
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["id"], id.as_str());
    let shown = get(&gateway, &dev, &format!("/admin/v1/invocations/{id}"));
    assert_eq!(shown["attempts"][0]["input"], json!({"a": 1}));
    assert_eq!(shown["attempts"][0]["output"]["input"], json!({"a": 1}));
    assert_eq!(shown["logs"], json!([]));
    assert!(items(&gateway, &other, "/admin/v1/invocations").is_empty());
    gateway.get(&format!("/admin/v1/invocations/{id}")).token(&other).send().is(404);
    gateway.get("/admin/v1/invocations/none").token(&dev).send().is(404);
    for wrong in ["limit=0", "limit=501", "limit=x", "colour=red", "before=never"] {
        gateway.get(&format!("/admin/v1/invocations?{wrong}")).token(&dev).send().is(400);
    }
    gateway.get("/admin/v1/invocations").send().is(401);
    let stats = items(&gateway, &dev, "/admin/v1/stats");
    assert_eq!((stats[0]["function"].as_str(), stats[0]["calls"].as_i64()), (Some("mine"), Some(1)));
    assert!(items(&gateway, &other, "/admin/v1/stats").is_empty());
    items(&gateway, &dev, "/admin/v1/stats/minutes?function=mine");
    items(&gateway, &dev, "/admin/v1/logs?function=mine&level=info");
    let me = get(&gateway, &dev, "/admin/v1/me");
    assert!(me["role"].as_str().unwrap().ends_with("_dev") && me["wasmtime"].is_string(), "{me}");
}

#[test]
fn jobs_are_seen_cancelled_replayed_and_discarded() {
    let (mut house, gateway, dev, other) = house("gw_jobs");
    deploy(
        &gateway,
        &dev,
        &[
            ("name", b"mine"),
            ("wasm", &guest("trap")),
            ("manifest", b"retry: {attempts: 1}\nhooks: [{type: schedule, cron: '@daily'}]\n"),
        ],
    )
    .is(201);
    let role = house.value("SELECT owner::text FROM alyx.functions WHERE name = 'mine'");
    let mut session = house.session_as(&role);
    let waiting = session.value("SELECT fn_enqueue('mine', '{\"n\": 1}', now() + interval '1 hour')");
    let dead = session.value("SELECT fn_enqueue('mine', '{\"n\": 2}')");
    let is_dead = || items(&gateway, &dev, "/admin/v1/dead-jobs").iter().any(|job| job["id"] == dead.as_str());
    wait_until("it is dead", is_dead);
    let jobs = items(&gateway, &dev, "/admin/v1/jobs?function=mine&status=scheduled");
    assert_eq!((jobs[0]["id"].as_str(), &jobs[0]["input"]), (Some(waiting.as_str()), &json!({"n": 1})));
    assert!(items(&gateway, &other, "/admin/v1/jobs").is_empty());
    assert!(items(&gateway, &other, "/admin/v1/dead-jobs").is_empty());
    let post = |token: &str, path: String| gateway.post(&path).token(token).send();
    post(&other, format!("/admin/v1/jobs/{waiting}/cancel")).is(403);
    post(&other, format!("/admin/v1/dead-jobs/{dead}/replay")).is(403);
    post(&dev, format!("/admin/v1/jobs/{waiting}/cancel")).is(200);
    post(&dev, format!("/admin/v1/jobs/{waiting}/cancel")).is(404);
    // The name of a function is no id of a job.
    post(&dev, "/admin/v1/dead-jobs/mine/replay".to_owned()).is(404);
    assert_eq!(post(&dev, format!("/admin/v1/dead-jobs/{dead}/replay")).is(200).json(), json!({"replayed": 1}));
    wait_until("it is dead again", is_dead);
    // With the one that was cancelled.
    assert_eq!(post(&dev, "/admin/v1/functions/mine/replay".to_owned()).is(200).json(), json!({"replayed": 2}));
    wait_until("it is dead once more", is_dead);
    let discard = |token: &str| gateway.request("DELETE", &format!("/admin/v1/dead-jobs/{dead}")).token(token).send();
    discard(&other).is(403);
    discard(&dev).is(200);
    assert!(!is_dead());
    post(&dev, "/admin/v1/functions/mine/pause".to_owned()).is(200);
    assert_eq!(items(&gateway, &dev, "/admin/v1/functions")[0]["paused"], true);
    post(&dev, "/admin/v1/functions/mine/resume".to_owned()).is(200);
    let schedules = items(&gateway, &dev, "/admin/v1/schedules");
    assert_eq!(
        (schedules[0]["cron"].as_str(), schedules[0]["next_runs"].as_array().map(Vec::len)),
        (Some("@daily"), Some(5))
    );
}

#[test]
fn events_say_what_has_changed() {
    let (_house, gateway, dev, _) = house("gw_events");
    gateway.get("/admin/v1/events").send().is(401);
    let mut stream = connect(gateway.address);
    let head = format!("GET /admin/v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {dev}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut seen = String::new();
    let mut read_until = |wanted: &str| {
        let mut bytes = [0; 4096];
        while !seen.contains(wanted) {
            let count = stream.read(&mut bytes).unwrap();
            assert!(count > 0, "ended: {seen}");
            seen.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
        seen.clone()
    };
    assert!(read_until("event: ready").contains("text/event-stream"));
    deploy(&gateway, &dev, &[("name", b"mine"), ("wasm", &guest("echo"))]).is(201);
    let told = read_until("event: change");
    let data = told.split("event: change").nth(1).unwrap().to_owned() + &read_until("\"functions\":true");
    assert!(data.contains("\"functions\":true"), "{data}");
}

#[test]
fn streams_of_events_end_with_their_token_and_are_few_for_each() {
    let (house, gateway, dev, _) = house("gw_streams");
    let open = |token: &str| {
        let mut stream = connect(gateway.address);
        let head = format!("GET /admin/v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    let status = |stream: &mut std::net::TcpStream| {
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        String::from_utf8_lossy(&head).into_owned()
    };
    let mut mine: Vec<_> = (0..9).map(|_| open(&dev)).collect();
    let told: Vec<_> = mine.iter_mut().map(status).collect();
    assert_eq!(told.iter().filter(|told| told.ends_with("200")).count(), 8, "{told:?}");
    assert_eq!(told.iter().filter(|told| told.ends_with("429")).count(), 1, "{told:?}");
    let short = house.token_with(&json!({"sub": "brief", "exp": now() + 2}));
    let mut brief = open(&short);
    assert!(status(&mut brief).ends_with("200"));
    let mut rest = String::new();
    brief.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("event: ready") && rest.ends_with("0\r\n\r\n"), "{rest}");
}

#[test]
fn the_document_has_what_the_role_could_call() {
    let (mut house, gateway, dev, _) = house("gw_openapi");
    let manifest = b"description: Adds\ninput: {a: {type: integer, required: true}}\noutput: {sum: {type: integer}}\nhooks: [{type: http, methods: [GET, POST], path: sum, auth: required}]\n";
    deploy(&gateway, &dev, &[("name", b"adds"), ("wasm", &guest("echo")), ("manifest", manifest)]).is(201);
    house.deploy_guest_as("open", "echo", "hooks: [{type: http, methods: [PUT], auth: none}]\n");
    let nobodys = gateway.get("/openapi.json").send().is(200).json();
    assert_eq!(nobodys["openapi"], "3.1.0");
    assert!(nobodys["paths"]["/functions/v1/open"]["put"].is_object());
    assert!(nobodys["paths"].get("/functions/v1/adds").is_none());
    assert!(nobodys["paths"]["/admin/v1/jobs"]["get"].is_object());
    let devs = gateway.get("/openapi.json").token(&dev).send().is(200).json();
    let way = &devs["paths"]["/functions/v1/adds/sum"];
    assert_eq!(
        way["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"]["a"]["type"],
        "integer"
    );
    assert_eq!(
        way["post"]["responses"]["200"]["content"]["application/json"]["schema"]["properties"]["sum"]["type"],
        "integer"
    );
    assert_eq!(way["get"]["parameters"][0]["name"], "a");
    assert!(devs["paths"]["/functions/v1/adds"]["post"].is_object());
    assert!(devs["paths"]["/functions/v1/answer"].is_null(), "not theirs to execute");
}
