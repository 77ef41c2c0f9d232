//! Requests to functions: what they see, as whom they run, what comes back, and when.

use super::house::House;
use serde_json::{Value, json};

#[test]
fn a_function_sees_the_request_and_answers_it() {
    let house = House::new("gw_sees");
    let gateway = house.serve(&[]);
    let answer = gateway
        .post("/functions/v1/answer?q=a%20b&l=1&l=2")
        .token(&house.token())
        .header("X-Shop", "one")
        .header("X-Shop", "two")
        .json(&json!({"title": "Gr\u{fc}n"}))
        .send()
        .is(200);
    let event = answer.json();
    assert_eq!(event["trigger"], "http");
    assert_eq!(event["input"], json!({"title": "Gr\u{fc}n"}));
    assert_eq!(event["function"], json!({"name": "answer", "version": 1}));
    assert_eq!(event["auth"]["role"], house.user);
    assert_eq!(event["auth"]["id"], "u1");
    assert_eq!(event["http"]["method"], "POST");
    assert_eq!(event["http"]["path"], "/functions/v1/answer");
    assert_eq!(event["http"]["query"], json!({"q": "a b", "l": ["1", "2"]}));
    assert_eq!(event["http"]["headers"]["x-shop"], "one, two");
    assert_eq!(event["http"]["body"], "{\"title\":\"Gr\u{fc}n\"}");
    assert_eq!(event["http"]["headers"].get("authorization"), None, "a guest must not get hold of its caller's token");
    assert_eq!(answer.header("x-invocation-id"), event["id"].as_str());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    // A stranger's HTML must not share the page's origin.
    assert!(
        answer
            .header("content-security-policy")
            .is_some_and(|policy| { policy.starts_with("sandbox ") && !policy.contains("allow-same-origin") })
    );
}

#[test]
fn it_runs_as_the_tokens_role_with_postgrests_settings() {
    let mut house = House::new("gw_role");
    house.answers(
        "RETURN jsonb_build_object('me', current_user, 'session', session_user,
             'claims', current_setting('request.jwt.claims')::json, 'headers', current_setting('request.headers')::json,
             'method', current_setting('request.method'), 'path', current_setting('request.path'),
             'cookies', current_setting('request.cookies')::json);",
    );
    let gateway = house.serve(&["--pool-size", "1"]);
    let token = house.token_with(&json!({"email": "a@example.com"}));
    let request = gateway.post("/functions/v1/answer").token(&token).header("cookie", "a=1; b=2");
    let seen = request.send().is(200).json();
    assert_eq!(seen["me"], house.user);
    assert_eq!(seen["session"], house.authenticator);
    assert_eq!(seen["claims"]["email"], "a@example.com");
    assert_eq!(seen["method"], "POST");
    assert_eq!(seen["path"], "/functions/v1/answer");
    assert_eq!(seen["cookies"], json!({"a": "1", "b": "2"}));
    assert!(seen["headers"]["host"].is_string());
    // The one connection is as it was, also after an error.
    house.answers("RAISE EXCEPTION 'no';");
    request.send().is(400);
    let left = house.serve(&["--pool-size", "1"]);
    left.get("/readyz").send().is(200);
    house.answers("RETURN to_jsonb(current_user);");
    assert_eq!(gateway.post("/functions/v1/answer").token(&token).send().is(200).json(), json!(house.user));
}

#[test]
fn row_level_security_holds() {
    let mut house = House::new("gw_rls");
    let user = house.user.clone();
    house.run(&format!(
        "ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
         CREATE POLICY own ON notes TO {user} USING (owner = current_setting('request.jwt.claims')::json ->> 'sub');
         INSERT INTO notes (text, owner) VALUES ('mine', 'u1'), ('theirs', 'u2');"
    ));
    house.answers("RETURN (SELECT jsonb_agg(text) FROM notes);");
    let gateway = house.serve(&[]);
    let seen = |sub: &str| {
        let token = house.token_with(&json!({ "sub": sub }));
        gateway.post("/functions/v1/answer").token(&token).send().is(200).json()
    };
    assert_eq!(seen("u1"), json!(["mine"]));
    assert_eq!(seen("u2"), json!(["theirs"]));
    assert_eq!(seen("u3"), Value::Null);
}

#[test]
fn the_reply_comes_after_the_commit() {
    let mut house = House::new("gw_commit");
    house.answers("INSERT INTO notes (text) VALUES (event #>> '{input,text}'); RETURN '{}';");
    // A constraint that is checked at the very end.
    house.run(
        "CREATE FUNCTION no_bad() RETURNS trigger LANGUAGE plpgsql AS
             $$BEGIN IF NEW.text = 'bad' THEN RAISE unique_violation USING MESSAGE = 'too late'; END IF; RETURN NULL; END$$;
         CREATE CONSTRAINT TRIGGER late AFTER INSERT ON notes DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION no_bad();",
    );
    let gateway = house.serve(&[]);
    let request = gateway.post("/functions/v1/answer").token(&house.token());
    request.clone().json(&json!({"text": "good"})).send().is(200);
    let refused = request.json(&json!({"text": "bad"})).send().is(409);
    assert_eq!(refused.json()["error"]["message"], "too late");
    assert_eq!(house.rows("SELECT text FROM notes"), ["good"]);
}

#[test]
fn outcomes_say_status_headers_and_body() {
    let mut house = House::new("gw_outcome");
    house.answers("RETURN event -> 'input';");
    let gateway = house.serve(&[]);
    let ask = |outcome: Value| gateway.post("/functions/v1/answer").token(&house.token()).json(&outcome).send();
    let answer =
        ask(json!({"status": 201, "headers": {"Location": "/a", "set-cookie": ["a=1", "b=2"]}, "body": {"ok": true}}));
    assert_eq!((answer.status, answer.json()), (201, json!({"ok": true})));
    assert_eq!(answer.header("location"), Some("/a"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let answer = ask(json!({"status": 404, "body": "none"})).is(404);
    assert_eq!((answer.text().as_str(), answer.header("content-type")), ("none", Some("text/plain; charset=utf-8")));
    let answer = ask(json!({"status": 200, "headers": {"content-type": "text/html"}, "body": "<p>"})).is(200);
    assert_eq!(answer.header("content-type"), Some("text/html"));
    assert_eq!(ask(json!({"status": 200, "body_base64": "AP8="})).body, [0, 255]);
    assert!(ask(json!({"status": 204})).is(204).body.is_empty());
    // Anything else is the body.
    for plain in [json!({"status": "paid"}), json!({"status": 200, "id": 1}), json!([1]), json!("text"), json!(null)] {
        assert_eq!(ask(plain.clone()).is(200).json(), plain);
    }
    // Headers of the connection are the gateway's own.
    let answer = ask(
        json!({"status": 200, "headers": {"content-length": "5", "transfer-encoding": "x", "x-invocation-id": "mine"}, "body": "abc"}),
    );
    assert_eq!(answer.is(200).text(), "abc");
    for wrong in [
        json!({"status": 99}),
        json!({"status": 600}),
        json!({"status": 200, "headers": {"a\nb": "c"}}),
        json!({"status": 200, "headers": {"a": "b\r\nset-cookie: c"}}),
        json!({"status": 200, "body": "a", "body_base64": "AA=="}),
        json!({"status": 200, "body_base64": "%"}),
    ] {
        let refused = ask(wrong.clone());
        assert_eq!((refused.status, refused.code().as_str()), (500, "38000"), "{wrong}");
    }
}

#[test]
fn bodies_become_inputs_by_their_type() {
    let mut house = House::new("gw_input");
    house.answers("RETURN jsonb_build_object('input', event -> 'input', 'body', event #> '{http,body}', 'base64', event #> '{http,body_base64}');");
    let gateway = house.serve(&[]);
    let ask = |path: &str, kind: &str, body: &[u8]| {
        let request = gateway.post(path).token(&house.token()).body(body);
        if kind.is_empty() { request.send() } else { request.header("content-type", kind).send() }
    };
    let path = "/functions/v1/answer";
    assert_eq!(ask(path, "application/json; charset=utf-8", b"[1]").json()["input"], json!([1]));
    assert_eq!(ask(path, "application/cloudevents+json", b"{}").json()["input"], json!({}));
    assert_eq!(
        ask(path, "application/x-www-form-urlencoded", b"a=1&b=x+y&b=%C3%A4").json()["input"],
        json!({"a": "1", "b": ["x y", "\u{e4}"]})
    );
    // As curl -d sends it.
    assert_eq!(ask(path, "application/x-www-form-urlencoded", b"{\"a\":1}").json()["input"], json!({"a": 1}));
    assert_eq!(ask(path, "text/plain", b"hello").json(), json!({"input": null, "body": "hello", "base64": null}));
    assert_eq!(
        ask(path, "application/octet-stream", &[255, 0]).json(),
        json!({"input": null, "body": null, "base64": "/wA="})
    );
    assert_eq!(ask("/functions/v1/answer?a=1", "", b"").json()["input"], json!({"a": "1"}));
    let refused = ask(path, "application/json", b"{\"a\":").is(400);
    assert_eq!(refused.code(), "22023");
}

#[test]
fn hooks_add_methods_paths_and_anonymous_access() {
    let mut house = House::new("gw_hooks");
    house.answers("RETURN jsonb_build_object('me', current_user, 'method', event #> '{http,method}', 'read_only', current_setting('transaction_read_only'));");
    house.deploy_guest_as(
        "shop",
        "answer",
        "hooks:
  - {type: http, methods: [GET], auth: optional}
  - {type: http, methods: [GET, PUT], path: items/list, auth: required}
  - {type: http, methods: [POST], path: contact, auth: none}\n",
    );
    let user = house.user.clone();
    house.run("REVOKE ALL ON FUNCTION shop(jsonb) FROM PUBLIC; REVOKE ALL ON FUNCTION answer(jsonb) FROM PUBLIC;");
    house.run(&format!(
        "GRANT EXECUTE ON FUNCTION answer(jsonb) TO {user}; GRANT EXECUTE ON FUNCTION public.reply(jsonb) TO PUBLIC;"
    ));
    let gateway = house.serve(&[]);
    let token = house.token();
    let me = |answer: super::client::Answer| answer.is(200).json()["me"].clone();
    let (user, anon) = (json!(house.user), json!(house.anon));
    assert_eq!(me(gateway.get("/functions/v1/shop").send()), anon, "optional: nobody may");
    assert_eq!(me(gateway.get("/functions/v1/shop").token(&token).send()), user, "optional: somebody is somebody");
    assert_eq!(me(gateway.post("/functions/v1/shop/contact").send()), anon, "none: nobody may");
    assert_eq!(me(gateway.post("/functions/v1/shop/contact").token(&token).send()), anon, "none: all are nobody");
    // A function that is open to everybody may have tokens of its own.
    let own = gateway.post("/functions/v1/shop/contact").token("not a token of ours");
    assert_eq!(me(own.send()), anon);
    gateway.get("/functions/v1/shop").token("not a token of ours").send().is(401);
    // Required: a token and the right to execute.
    gateway.get("/functions/v1/shop/items/list").send().is(401);
    let refused = gateway.get("/functions/v1/shop/items/list").token(&token).send().is(403);
    assert_eq!(refused.code(), "42501");
    let grant = format!("GRANT EXECUTE ON FUNCTION shop(jsonb) TO {}", house.user);
    house.run(&grant);
    let read = gateway.get("/functions/v1/shop/items/list").token(&token).send().is(200).json();
    assert_eq!(read["read_only"], "on");
    let written = gateway.request("PUT", "/functions/v1/shop/items/list").token(&token).body("x").send().is(200).json();
    assert_eq!(written["read_only"], "off");
    assert!(gateway.request("HEAD", "/functions/v1/shop").send().is(200).body.is_empty());
    // What no hook names.
    let refused = gateway.request("DELETE", "/functions/v1/shop").token(&token).send().is(405);
    assert_eq!(refused.header("allow"), Some("GET, HEAD, POST"));
    gateway.get("/functions/v1/shop/elsewhere").token(&token).send().is(404);
    gateway.get("/functions/v1/nothing").token(&token).send().is(404);
    gateway.post("/functions/v1/shop").token(&token).send().is(200);
}

#[test]
fn a_get_changes_nothing() {
    let mut house = House::new("gw_get");
    house.deploy_guest_as("reader", "answer", "hooks: [{type: http, methods: [GET], auth: optional}]\n");
    house.answers("INSERT INTO effects (event) VALUES ('{}'); RETURN '{}';");
    let gateway = house.serve(&[]);
    let refused = gateway.get("/functions/v1/reader").send().is(405);
    assert_eq!(refused.code(), "25006");
    assert_eq!(house.value("SELECT count(*) FROM effects"), "0");
}

#[test]
fn errors_are_told_by_one_table() {
    let mut house = House::new("gw_errors");
    let gateway = house.serve(&[]);
    let mut raises = |code: &str, extra: &str| {
        house.answers(&format!("RAISE EXCEPTION 'it failed' USING ERRCODE = '{code}'{extra};"));
        gateway.post("/functions/v1/answer").token(&house.token()).send()
    };
    for (code, status) in
        [("23505", 409), ("42501", 403), ("P0001", 400), ("PT418", 418), ("57014", 504), ("53100", 503), ("XX001", 500)]
    {
        let answer = raises(code, "").is(status);
        assert_eq!(answer.code(), code);
        assert_eq!(answer.header("retry-after"), (status == 503).then_some("1"));
        assert!(answer.header("x-invocation-id").is_some());
    }
    let told = raises("23505", ", DETAIL = 'd', HINT = 'h', COLUMN = 'c', CONSTRAINT = 'k', TABLE = 't'").json();
    let wanted = json!({"code": "23505", "message": "it failed", "detail": "d", "hint": "h", "column": "c", "constraint": "k", "table": "t"});
    assert_eq!(told["error"], wanted);
}

#[test]
fn inputs_are_held_against_the_manifests_schema() {
    let mut house = House::new("gw_schema");
    house.deploy_guest_as(
        "typed",
        "answer",
        "input: {n: {type: integer, required: true}}\nhooks: [{type: http, auth: none}]\n",
    );
    let gateway = house.serve(&[]);
    gateway.post("/functions/v1/typed").json(&json!({"n": 1})).send().is(200);
    let refused = gateway.post("/functions/v1/typed").json(&json!({"n": "x"})).send().is(400);
    assert_eq!(refused.code(), "22023");
    assert!(refused.text().contains("n: "), "{}", refused.text());
}

#[test]
fn records_tell_of_requests() {
    let mut house = House::new("gw_records");
    let gateway = house.serve(&[]);
    let id = gateway.post("/functions/v1/answer").token(&house.token()).json(&json!({"a": 1})).send().is(200);
    let id = id.header("x-invocation-id").unwrap().to_owned();
    house.answers("RAISE EXCEPTION 'no' USING ERRCODE = '22000';");
    let failed = gateway.post("/functions/v1/answer").token(&house.token()).send().is(400);
    let failed = failed.header("x-invocation-id").unwrap().to_owned();
    house.run("SELECT alyx._drain()");
    let sql = "SELECT id, trigger, role::text, status, sqlstate FROM alyx.invocations WHERE id = ANY ($ids) ORDER BY started_at";
    let sql = sql.replace("$ids", &format!("'{{{id},{failed}}}'"));
    let user = house.user.clone();
    assert_eq!(house.rows(&sql), [format!("{id}|http|{user}|ok|NULL"), format!("{failed}|http|{user}|error|22000")]);
    let kept = house
        .rows(&format!("SELECT kind, attempt, message FROM alyx.payloads WHERE invocation = '{id}' ORDER BY kind"));
    assert_eq!(kept[0], "input|1|{\"a\":1}");
    assert!(kept[1].starts_with("output|1|{\"id\""), "{kept:?}");
    let kept = house.rows(&format!("SELECT kind, message FROM alyx.payloads WHERE invocation = '{failed}'"));
    assert_eq!(kept, ["input|{}"], "what went in stays also when nothing came out");
    let sql = format!("SELECT count(*) FROM alyx.payloads WHERE invocation = '{id}'");
    assert_eq!(house.session_as(&user).value(&sql), "0", "for the owner only");
}

#[test]
fn texts_of_a_query_are_what_the_schema_says() {
    let mut house = House::new("gw_query");
    house.deploy_guest_as(
        "typed",
        "answer",
        "input:
  n: {type: integer, required: true}
  ratio: {type: number}
  yes: {type: boolean}
  many: {type: array, items: {type: integer}}
  text: {type: string}
hooks: [{type: http, methods: [GET, POST], auth: none}]\n",
    );
    house.answers("RETURN event -> 'input';");
    let gateway = house.serve(&[]);
    let query = "n=5&ratio=1.5&yes=true&many=7&text=8&other=9";
    let wanted = json!({"n": 5, "ratio": 1.5, "yes": true, "many": [7], "text": "8", "other": "9"});
    assert_eq!(gateway.get(&format!("/functions/v1/typed?{query}")).send().is(200).json(), wanted);
    let form = gateway.post("/functions/v1/typed").header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(form.body(query).send().is(200).json(), wanted);
    let many = gateway.get("/functions/v1/typed?n=-1&many=7&many=8&yes=maybe").send().is(400);
    assert!(many.text().contains("yes"), "{}", many.text());
    gateway.get("/functions/v1/typed?n=five").send().is(400);
}

#[test]
fn a_functions_own_words_about_its_own_tokens_are_passed_on() {
    let mut house = House::new("gw_own401");
    house.deploy_guest_as("open", "answer", "hooks: [{type: http, auth: none}]\n");
    house.answers("RAISE EXCEPTION 'wrong API key' USING ERRCODE = 'PT401';");
    let gateway = house.serve(&[]);
    let refused = gateway.post("/functions/v1/open").token("a key of its own").send().is(401);
    assert_eq!(refused.json()["error"]["message"], "wrong API key");
}

#[test]
fn too_many_headers_are_an_error_before_the_commit() {
    let mut house = House::new("gw_manyheaders");
    house.answers(
        "INSERT INTO effects (event) VALUES (event);
         RETURN jsonb_build_object('status', 200, 'headers', (SELECT jsonb_object_agg('x-' || n, 'a') FROM generate_series(1, 30000) n));",
    );
    let gateway = house.serve(&[]);
    gateway.post("/functions/v1/answer").token(&house.token()).send().is(500);
    assert_eq!(house.value("SELECT count(*) FROM effects"), "0");
}
