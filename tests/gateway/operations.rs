//! What who runs a gateway needs: health, figures, logs, settings, CORS, compression, other servers.

use super::house::{House, SECRET};
use alyx_tests::wait_until;
use serde_json::json;
use std::fs;

#[test]
fn health_and_readiness_are_two_things() {
    let house = House::new("gw_health");
    let gateway = house.serve(&[]);
    assert_eq!(gateway.get("/healthz").send().is(200).text(), "ok\n");
    assert_eq!(gateway.get("/readyz").send().is(200).json(), json!({"ready": true}));
    let astray = super::house::Gateway::start("host=/nowhere user=x dbname=x", &["--jwt-secret", SECRET]);
    astray.get("/healthz").send().is(200);
    let refused = astray.get("/readyz").send().is(503);
    assert_eq!(refused.header("retry-after"), Some("1"));
    astray.post("/functions/v1/answer").token(&house.token()).send().is(503);
}

#[test]
fn metrics_tell_of_the_gateway_and_of_functions() {
    let mut house = House::new("gw_metrics");
    let user = house.user.clone();
    house.run(&format!("GRANT pg_monitor TO {user}"));
    let gateway = house.serve(&["--metrics-role", &user]);
    gateway.post("/functions/v1/answer").token(&house.token()).send().is(200);
    gateway.request("BREW", "/functions/v1/answer").send();
    let text = gateway.get("/metrics").send().is(200).text();
    for wanted in [
        "alyx_gateway_requests_total{route=\"function\",method=\"POST\",status=\"200\"} 1",
        "alyx_gateway_request_duration_seconds_bucket",
        "alyx_gateway_pool_connections{pool=\"primary\"}",
        "alyx_gateway_requests_running 1",
        "method=\"other\"",
    ] {
        assert!(text.contains(wanted), "no {wanted} in {text}");
    }
    assert!(!text.contains("BREW"));
    assert!(text.ends_with("# EOF\n"));
    assert!(!text.contains("alyx_function_calls"), "the role owns no function");
    // The role of the functions' owner sees them.
    house.run(&format!("ALTER ROLE {user} INHERIT; GRANT postgres TO {user}"));
    let text = gateway.get("/metrics").send().is(200).text();
    assert!(text.contains("alyx_function_calls_total{function=\"answer\"} 1"), "{text}");
}

#[test]
fn requests_have_ids_that_the_log_knows() {
    let house = House::new("gw_ids");
    let gateway = house.serve(&[]);
    let given = gateway.get("/healthz").header("x-request-id", "order-77").send().is(200);
    assert_eq!(given.header("x-request-id"), Some("order-77"));
    wait_until("it is logged", || gateway.log().contains("order-77"));
    let long = "a".repeat(500);
    for wrong in ["a b", "<script>", long.as_str()] {
        let own = gateway.get("/healthz").header("x-request-id", wrong).send().is(200);
        assert_eq!(own.header("x-request-id").map(str::len), Some(36), "{wrong}");
    }
    let answer = gateway.get("/nowhere").send().is(404);
    assert!(answer.header("x-invocation-id").is_some() && answer.header("x-request-id").is_some());
    wait_until("that is logged as well", || gateway.log().contains("/nowhere"));
    let line = gateway.log().lines().find(|line| line.contains("/nowhere")).unwrap().to_owned();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["fields"]["status"], 404);
}

#[test]
fn browsers_of_other_origins_may_when_they_are_listed() {
    let house = House::new("gw_cors");
    let gateway = house.serve(&["--cors-origins", "https://app.example.com"]);
    let preflight = |origin: &str| {
        gateway
            .request("OPTIONS", "/functions/v1/answer")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type")
            .send()
    };
    let answer = preflight("https://app.example.com");
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example.com"));
    assert!(answer.header("access-control-allow-headers").unwrap().contains("authorization"));
    assert_eq!(preflight("https://evil.example.com").header("access-control-allow-origin"), None);
    let plain = house.serve(&[]).get("/healthz").header("origin", "https://app.example.com").send();
    assert_eq!(plain.header("access-control-allow-origin"), None);
    let open = house.serve(&["--cors-origins", "*"]).get("/healthz").header("origin", "https://x").send();
    assert_eq!(open.header("access-control-allow-origin"), Some("*"));
    assert_eq!(open.header("access-control-allow-credentials"), None);
}

#[test]
fn replies_are_compressed_where_it_pays() {
    let mut house = House::new("gw_gzip");
    house.answers("RETURN to_jsonb(repeat('abc', (event #>> '{input,n}')::int));");
    let gateway = house.serve(&[]);
    let ask = |n: usize, accepts: &str| {
        let request = gateway.post("/functions/v1/answer").token(&house.token()).json(&json!({ "n": n }));
        request.header("accept-encoding", accepts).send().is(200)
    };
    let long = ask(10_000, "gzip");
    assert_eq!(long.header("content-encoding"), Some("gzip"));
    assert!(long.body.len() < 1000 && long.body.starts_with(&[0x1f, 0x8b]));
    assert_eq!(ask(10_000, "identity").body.len(), 30_002);
    assert_eq!(ask(10, "gzip").header("content-encoding"), None);
}

#[test]
fn settings_come_from_a_file_too() {
    let house = House::new("gw_config");
    let path = std::env::temp_dir().join(format!("alyx-gateway-{}.toml", std::process::id()));
    fs::write(&path, format!("jwt-secret = \"{SECRET}\"\nmax-body = \"1kb\"\npage = false\n")).unwrap();
    let gateway = house.serve_with(&["--config", path.to_str().unwrap()]);
    gateway.post("/functions/v1/answer").token(&house.token()).send().is(200);
    gateway.post("/functions/v1/answer").token(&house.token()).body(vec![b'a'; 2000]).send().is(413);
    gateway.get("/_admin/functions").send().is(404);
    // A flag comes first.
    let gateway = house.serve_with(&["--config", path.to_str().unwrap(), "--max-body", "4kb", "--page", "true"]);
    gateway.post("/functions/v1/answer").token(&house.token()).body(vec![b'a'; 2000]).send().is(200);
    gateway.get("/_admin/functions").send().is(200);
    fs::write(&path, "max-bdy = \"1kb\"\n").unwrap();
    let output = std::process::Command::new(alyx_tests::command_line())
        .args(["serve", "--config", path.to_str().unwrap()])
        .env("DATABASE_URL", house.url())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("max-bdy"), "{output:?}");
    fs::remove_file(&path).unwrap();
}
