//! Idempotency keys: a request that comes twice is run once.

use super::house::House;
use serde_json::json;

fn counting(test: &str) -> House {
    let mut house = House::new(test);
    house.answers(
        "INSERT INTO effects (event) VALUES (event);
         RETURN jsonb_build_object('status', 201, 'headers', '{\"x-mine\": \"1\"}'::jsonb, 'body', jsonb_build_object('n', (SELECT count(*) FROM effects)));",
    );
    house
}

#[test]
fn the_second_gets_the_reply_of_the_first() {
    let mut house = counting("gw_again");
    let gateway = house.serve(&[]);
    let request = gateway.post("/functions/v1/answer").token(&house.token()).json(&json!({"a": 1}));
    let keyed = request.clone().header("idempotency-key", "k1");
    let first = keyed.send().is(201);
    assert_eq!((first.json(), first.header("idempotent-replayed")), (json!({"n": 1}), None));
    let second = keyed.send().is(201);
    assert_eq!((second.json(), second.header("idempotent-replayed")), (json!({"n": 1}), Some("true")));
    assert_eq!(
        (second.header("x-mine"), second.header("x-invocation-id")),
        (Some("1"), first.header("x-invocation-id"))
    );
    // In quotes it is the same key.
    assert_eq!(request.clone().header("idempotency-key", "\"k1\"").send().is(201).json(), json!({"n": 1}));
    // Another key, no key, somebody else, another body.
    assert_eq!(request.clone().header("idempotency-key", "k2").send().json(), json!({"n": 2}));
    assert_eq!(request.send().json(), json!({"n": 3}));
    let other = house.token_with(&json!({"sub": "u2"}));
    let theirs =
        gateway.post("/functions/v1/answer").token(&other).json(&json!({"a": 1})).header("idempotency-key", "k1");
    assert_eq!(theirs.send().is(201).json(), json!({"n": 4}));
    let changed = gateway
        .post("/functions/v1/answer")
        .token(&house.token())
        .json(&json!({"a": 2}))
        .header("idempotency-key", "k1");
    assert_eq!(changed.send().is(422).code(), "PT422");
    assert_eq!(house.value("SELECT count(*) FROM effects"), "4");
    // A day later the key is free.
    house.run("UPDATE alyx._reply SET stored_at = now() - interval '25 hours'");
    assert_eq!(changed.send().is(201).json(), json!({"n": 5}));
    for wrong in ["", &"k".repeat(256)] {
        gateway.post("/functions/v1/answer").token(&house.token()).header("idempotency-key", wrong).send().is(400);
    }
}

#[test]
fn what_failed_may_be_tried_again() {
    let mut house = counting("gw_retry");
    let gateway = house.serve(&[]);
    house.answers("RAISE EXCEPTION 'not now' USING ERRCODE = 'PT503';");
    let keyed = gateway.post("/functions/v1/answer").token(&house.token()).header("idempotency-key", "k");
    keyed.send().is(503);
    house.answers("RETURN '\"done\"';");
    assert_eq!(keyed.send().is(200).json(), json!("done"));
}

#[test]
fn many_at_once_run_once() {
    let mut house = counting("gw_rush");
    let gateway = house.serve(&["--pool-size", "20"]);
    let keyed = gateway.post("/functions/v1/answer").token(&house.token()).header("idempotency-key", "k");
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..30).map(|_| scope.spawn(|| keyed.send().status)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|status| [201, 409].contains(status)), "{answers:?}");
    assert!(answers.contains(&201));
    assert_eq!(house.value("SELECT count(*) FROM effects"), "1");
    assert_eq!(keyed.send().is(201).json(), json!({"n": 1}));
}

#[test]
fn a_reply_that_is_too_large_to_keep_is_an_error() {
    let mut house = counting("gw_large");
    house.answers("INSERT INTO effects (event) VALUES (event); RETURN to_jsonb(repeat('a', 1100000));");
    let gateway = house.serve(&[]);
    let request = gateway.post("/functions/v1/answer").token(&house.token());
    request.send().is(200);
    assert_eq!(request.header("idempotency-key", "k").send().is(413).code(), "54000");
    assert_eq!(house.value("SELECT count(*) FROM effects"), "1", "and nothing has happened");
}

#[test]
fn strangers_do_not_share_replies() {
    let mut house = counting("gw_strangers");
    house.deploy_guest_as("open", "answer", "hooks: [{type: http, auth: none}]\n");
    let gateway = house.serve(&[]);
    let ask = |cookie: &str| {
        let request = gateway.post("/functions/v1/open").header("idempotency-key", "1").header("cookie", cookie);
        request.send().is(201).json()
    };
    assert_eq!(
        (ask("session=a"), ask("session=b"), ask("session=a")),
        (json!({"n": 1}), json!({"n": 2}), json!({"n": 1}))
    );
}
