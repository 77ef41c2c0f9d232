//! Webhooks: proof on the raw body, one job for each delivery, an answer after the commit.

use super::client::Answer;
use super::house::{Gateway, House, now};
use alyx_tests::wait_until;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

const KEY: &[u8] = b"a key of the tests of thirty-two";

fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn house(test: &str) -> House {
    let mut house = House::new(test);
    house.run("CREATE FUNCTION public.perform(event jsonb) RETURNS void LANGUAGE sql AS 'INSERT INTO public.effects (event) VALUES (event)'");
    house.deploy_guest_as(
        "hooked",
        "task",
        "hooks:
  - {type: webhook, path: standard, verify: {scheme: standard, secret: [NEW, OLD]}}
  - {type: webhook, path: stripe, verify: {scheme: stripe, secret: TEXT}}
  - {type: webhook, path: github/push, verify: {scheme: github, secret: TEXT}}
  - {type: webhook, path: shop, verify: {scheme: hmac, secret: TEXT, header: X-Shop-Hmac, encoding: base64, id_header: X-Shop-Id}}\n",
    );
    let key = STANDARD.encode(KEY);
    house.run(&format!(
        "SELECT fn_set_secret('NEW', 'whsec_{key}'), fn_set_secret('OLD', 'whsec_{}'), fn_set_secret('TEXT', 'It''s a Secret to Everybody');
         SELECT fn_grant_secret(key, 'hooked') FROM unnest('{{NEW,OLD,TEXT}}'::text[]) key;",
        STANDARD.encode(b"an older key of the tests, of 32")
    ));
    house
}

fn standard(gateway: &Gateway, id: &str, time: u64, key: &[u8], body: &[u8]) -> Answer {
    let signature = STANDARD.encode(hmac(key, &[id.as_bytes(), b".", time.to_string().as_bytes(), b".", body]));
    gateway
        .post("/webhooks/v1/standard")
        .header("webhook-id", id)
        .header("webhook-timestamp", &time.to_string())
        .header("webhook-signature", &format!("v1,{signature}"))
        .header("content-type", "application/json")
        .body(body)
        .send()
}

fn done(house: &mut House, count: usize) -> Vec<String> {
    let sql = "SELECT event FROM effects ORDER BY id";
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let rows = house.rows(sql);
        if rows.len() >= count || std::time::Instant::now() > deadline {
            assert_eq!(rows.len(), count, "{rows:#?}");
            return rows;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn a_delivery_becomes_one_job_of_the_owner() {
    let mut house = house("gw_delivery");
    let gateway = house.serve(&[]);
    let answer = standard(&gateway, "msg_1", now(), KEY, b"{\"type\":\"paid\"}").is(202);
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(answer.header("x-invocation-id"), Some(id.as_str()));
    assert_eq!(answer.json()["duplicate"], false);
    let events = done(&mut house, 1);
    let event: serde_json::Value = serde_json::from_str(&events[0]).unwrap();
    assert_eq!(event["id"], id.as_str());
    assert_eq!(event["trigger"], "webhook");
    assert_eq!(event["input"], json!({"type": "paid"}));
    assert_eq!(event["http"]["path"], "/webhooks/v1/standard");
    assert_eq!(event["http"]["headers"]["webhook-id"], "msg_1");
    assert_eq!(event["http"]["body"], "{\"type\":\"paid\"}");
    assert_eq!(event["auth"]["role"], "postgres", "the function's owner");
    // The same delivery again, also in another wording of its time: known, and no second job.
    let again = standard(&gateway, "msg_1", now() + 1, KEY, b"{\"type\":\"paid\"}").is(200);
    assert_eq!(again.json(), json!({"id": id, "duplicate": true}));
    standard(&gateway, "msg_2", now(), KEY, b"{}").is(202);
    done(&mut house, 2);
}

#[test]
fn every_scheme_is_spoken() {
    let mut house = house("gw_schemes");
    let gateway = house.serve(&[]);
    let text = b"It's a Secret to Everybody";
    // An older key, in rotation.
    standard(&gateway, "msg_old", now(), b"an older key of the tests, of 32", b"{}").is(202);
    let (time, body) = (now().to_string(), br#"{"id":"evt_1","type":"x"}"#);
    let signature = hex(&hmac(text, &[time.as_bytes(), b".", body]));
    let stripe =
        gateway.post("/webhooks/v1/stripe").header("stripe-signature", &format!("t={time},v1={signature},v0=00"));
    stripe.clone().body(&body[..]).send().is(202);
    stripe.body(&body[..]).send().is(200);
    // GitHub's own vector.
    let github = gateway
        .post("/webhooks/v1/github/push")
        .header("x-hub-signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")
        .body("Hello, World!");
    github.send().is(401);
    github.clone().header("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958").send().is(202);
    github.header("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958").send().is(200);
    let body = [0xff, 0x00, b'a'];
    let shop = gateway
        .post("/webhooks/v1/shop")
        .header("x-shop-hmac", &STANDARD.encode(hmac(text, &[&body])))
        .header("x-shop-id", "7");
    shop.body(&body[..]).send().is(202);
    let events = done(&mut house, 4);
    assert!(events.iter().any(|event| event.contains("\"body_base64\": \"/wBh\"")), "{events:#?}");
}

#[test]
fn what_is_not_proved_is_refused() {
    let mut house = house("gw_unproved");
    let gateway = house.serve(&[]);
    let refused = standard(&gateway, "msg_1", now(), b"not the key, but of thirty-two b", b"{}").is(401);
    assert_eq!(refused.code(), "PT401");
    standard(&gateway, "msg_1", now() - 310, KEY, b"{}").is(401);
    standard(&gateway, "msg_1", now() + 310, KEY, b"{}").is(401);
    standard(&gateway, "msg_1", now() - 290, KEY, b"{}").is(202);
    standard(&gateway, "msg_2", now() + 290, KEY, b"{}").is(202);
    let time = now().to_string();
    let signature = format!("v1,{}", STANDARD.encode(hmac(KEY, &[b"m.", time.as_bytes(), b".", b"{}"])));
    let parts = [("webhook-id", "m"), ("webhook-timestamp", time.as_str()), ("webhook-signature", signature.as_str())];
    let send = |parts: &[(&str, &str)], body: &str| {
        let request = gateway.post("/webhooks/v1/standard").body(body);
        parts.iter().fold(request, |request, (name, value)| request.header(name, value)).send()
    };
    for missing in 0..3 {
        let kept: Vec<_> = parts.iter().enumerate().filter(|(at, _)| *at != missing).map(|(_, part)| *part).collect();
        send(&kept, "{}").is(401);
    }
    for twice in parts {
        send(&[&parts[..], &[twice]].concat(), "{}").is(401);
    }
    send(&parts, "{} ").is(401);
    send(&parts, "{}").is(202);
    gateway.post("/webhooks/v1/nothing").body("{}").send().is(404);
    gateway.get("/webhooks/v1/standard").send().is(405);
    for tricky in ["/webhooks/v1/", "/webhooks/v1/%73tandard", "/webhooks/v1/standard/", "/webhooks/v1/../v1/standard"]
    {
        gateway.post(tricky).body("{}").send().is(404);
    }
    assert!(!gateway.log().contains(&signature));
    done(&mut house, 3);
}

#[test]
fn the_same_delivery_many_times_at_once_is_one_job() {
    let mut house = house("gw_herd");
    let gateway = house.serve(&["--pool-size", "20"]);
    let time = now();
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let all: Vec<_> =
            (0..40).map(|_| scope.spawn(|| standard(&gateway, "msg_1", time, KEY, b"{}").status)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(answers.iter().filter(|status| **status == 202).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 39, "{answers:?}");
    done(&mut house, 1);
}

#[test]
fn a_week_later_it_is_forgotten() {
    let mut house = house("gw_week");
    let gateway = house.serve(&[]);
    standard(&gateway, "msg_1", now(), KEY, b"{}").is(202);
    house.run("UPDATE alyx._delivery SET received_at = now() - interval '6 days 23 hours'");
    standard(&gateway, "msg_1", now(), KEY, b"{}").is(200);
    house.run("UPDATE alyx._delivery SET received_at = now() - interval '7 days 1 second'");
    standard(&gateway, "msg_1", now(), KEY, b"{}").is(202);
    done(&mut house, 2);
}

#[test]
fn a_path_belongs_to_one_function() {
    let mut house = house("gw_path");
    let manifest = "hooks: [{type: webhook, path: stripe, verify: {scheme: stripe, secret: TEXT}}]\n";
    let refused = house.deploy_refused("other", &alyx_tests::guest("task"), manifest, "42710");
    assert!(refused.says("webhook path \"stripe\" belongs to another function"), "{refused:?}");
    // Its own redeploy keeps it; dropped, it is free.
    house.deploy_guest_as(
        "hooked",
        "task",
        "hooks: [{type: webhook, path: stripe, verify: {scheme: stripe, secret: TEXT}}]\n",
    );
    house.run("SELECT fn_drop('hooked')");
    house.deploy_guest_as(
        "other",
        "task",
        "hooks: [{type: webhook, path: stripe, verify: {scheme: stripe, secret: TEXT}}]\n",
    );
}

#[test]
fn a_secret_that_proves_is_not_the_guests_to_read() {
    let mut house = House::new("gw_hidden");
    house.deploy_guest_as(
        "answer",
        "answer",
        "secrets: [OTHER]\nhooks: [{type: webhook, path: p, verify: {scheme: hmac, secret: PROOF}}]\n",
    );
    house.run("SELECT fn_set_secret('PROOF', 'proofproof'); SELECT fn_grant_secret('PROOF', 'answer');");
    house.deploy(
        "peek",
        &alyx_tests::guest("ask"),
        "hooks: [{type: webhook, path: q, verify: {scheme: hmac, secret: PROOF}}]\n",
    );
    house.run("SELECT fn_grant_secret('PROOF', 'peek'); CREATE FUNCTION env(request jsonb) RETURNS jsonb LANGUAGE wasm AS 'peek:env'");
    assert_eq!(house.value("SELECT env('{\"key\": \"PROOF\"}')"), "{\"value\": null}");
}

#[test]
fn without_its_secret_a_webhook_takes_nothing_and_the_log_says_why() {
    let mut house = House::new("gw_ungranted");
    house.run("CREATE FUNCTION public.perform(event jsonb) RETURNS void LANGUAGE sql AS ''");
    house.deploy_guest_as(
        "hooked",
        "task",
        "hooks: [{type: webhook, path: p, verify: {scheme: hmac, secret: MINE}}]\n",
    );
    let gateway = house.serve(&[]);
    let send =
        || gateway.post("/webhooks/v1/p").header("x-signature", &hex(&hmac(b"mine-mine", &[b"{}"]))).body("{}").send();
    let refused = send().is(503);
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(!refused.text().contains("MINE") && !refused.text().contains("hooked"), "{}", refused.text());
    wait_until("the log says why", || {
        let log = gateway.log();
        log.contains("fn_grant_secret('MINE', 'hooked')")
    });
    house.run("SELECT fn_set_secret('MINE', 'mine-mine'), fn_grant_secret('MINE', 'hooked')");
    send().is(202);
}
