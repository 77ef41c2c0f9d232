//! Tokens that are none, and roles that may not be taken.

use super::house::{House, SECRET, now, sign};
use alyx_tests::wait_until;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

#[test]
fn tokens_that_prove_nothing_are_refused() {
    let house = House::new("gw_tokens");
    let gateway = house.serve(&[]);
    let hs256 = json!({"alg": "HS256", "typ": "JWT"});
    let claims = json!({"role": house.user, "exp": now() + 600});
    let good = sign(&hs256, &claims, SECRET);
    gateway.post("/functions/v1/answer").token(&good).send().is(200);
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let (head, rest) = good.split_once('.').unwrap();
    let signature = rest.split_once('.').unwrap().1;
    let wrong = [
        ("other key", sign(&hs256, &claims, "another secret, also of thirty-two bytes or more")),
        ("expired", sign(&hs256, &json!({"role": house.user, "exp": now() - 60}), SECRET)),
        ("not yet", sign(&hs256, &json!({"role": house.user, "nbf": now() + 120}), SECRET)),
        ("alg none", format!("{}.{}.", part(json!({"alg": "none"})), part(claims.clone()))),
        ("alg None, signed", format!("{}.{}.{signature}", part(json!({"alg": "None"})), part(claims.clone()))),
        ("alg RS256", sign(&json!({"alg": "RS256"}), &claims, SECRET)),
        ("alg HS512 by HS256", sign(&json!({"alg": "HS512"}), &claims, SECRET)),
        ("claims changed", format!("{head}.{}.{signature}", part(json!({"role": "postgres", "exp": now() + 600})))),
        ("no signature", format!("{head}.{}.", rest.split_once('.').unwrap().0)),
        ("unknown crit", sign(&json!({"alg": "HS256", "crit": ["x"], "x": 1}), &claims, SECRET)),
        ("array", sign(&hs256, &json!([1]), SECRET)),
        ("no dots", "abc".to_owned()),
        ("dots", "....".to_owned()),
        ("long", format!("{head}.{}.x", "A".repeat(20_000))),
    ];
    for (what, token) in wrong {
        let refused = gateway.post("/functions/v1/answer").token(&token).send();
        assert_eq!(refused.status, 401, "{what}: {}", refused.text());
        let told = refused.header("www-authenticate").unwrap_or_default();
        assert!(told.starts_with("Bearer error=\"invalid_token\""), "{what}: {told}");
        assert!(!refused.text().contains(&token), "{what}: the token comes back");
    }
    // Other schemes, and two at once.
    for value in ["Basic YTpi", "Bearer", "Bearer  ", good.as_str()] {
        gateway.post("/functions/v1/answer").header("authorization", value).send().is(401);
    }
    gateway.post("/functions/v1/answer").token(&good).token(&good).send().is(401);
    assert!(!gateway.log().contains(&good), "tokens are in the log");
}

#[test]
fn only_roles_that_the_gateway_may_take_are_taken() {
    let mut house = House::new("gw_roles");
    let other = house.role("other");
    // Also to the gateway's own role: whoever became it by a token would be let in.
    let authenticator = house.authenticator.clone();
    house.run(&format!("GRANT EXECUTE ON FUNCTION answer(jsonb) TO {other}, {authenticator}"));
    let gateway = house.serve(&[]);
    let ask = |role: &str| {
        let token = house.token_with(&json!({"role": role}));
        gateway.post("/functions/v1/answer").token(&token).send()
    };
    for role in [other.as_str(), "postgres", "nobody at all", "none", "None", "NONE", "pg_read_all_data", "public"] {
        let refused = ask(role);
        assert_eq!((refused.status, refused.code().as_str()), (403, "42501"), "{role:?}: {}", refused.text());
    }
    assert_eq!(ask("").status, 401, "no name at all");
    // No name is SQL.
    ask("x\"; DROP TABLE notes; --").is(403);
    assert_eq!(house.value("SELECT count(*) FROM notes"), "0");
    // A token without a role is nobody's.
    let token = sign(&json!({"alg": "HS256"}), &json!({"sub": "x", "exp": now() + 60}), SECRET);
    let refused = gateway.post("/functions/v1/answer").token(&token).send();
    assert_eq!(refused.status, 403, "anon may not execute it: {}", refused.text());
}

#[test]
fn a_guest_cannot_become_somebody_else() {
    let mut house = House::new("gw_escape");
    let other = house.role("other");
    let authenticator = house.authenticator.clone();
    house.run(&format!("GRANT {other} TO {authenticator}"));
    let gateway = house.serve(&[]);
    let asked = format!(
        "{{\"caller\":{{\"token\":\"valid\",\"role\":\"{other}\"}},\"message\":{{\"method\":\"POST\",\"path\":\"/\",\"query\":{{}},\"headers\":{{}}}}}}"
    );
    for statement in [
        format!("PERFORM alyx._http_assume('{asked}')"),
        format!("EXECUTE 'SET LOCAL ROLE {other}'"),
        format!("PERFORM set_config('role', '{other}', true)"),
        "EXECUTE 'RESET ROLE'".to_owned(),
    ] {
        house.answers(&format!("{statement}; RETURN to_jsonb(current_user);"));
        let answer = gateway.post("/functions/v1/answer").token(&house.token()).send();
        assert!(answer.status >= 400, "{statement}: {}", answer.text());
    }
}

/// A deferred trigger that does this, set off by the statements of `answer`.
fn deferred(statement: &str) -> String {
    format!(
        "CREATE TEMP TABLE t (i int);
         CREATE FUNCTION pg_temp.f() RETURNS trigger LANGUAGE plpgsql AS $f$BEGIN {statement}; RETURN NULL; END$f$;
         CREATE CONSTRAINT TRIGGER c AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION pg_temp.f();
         INSERT INTO t VALUES (1); RETURN to_jsonb(current_user);"
    )
}

#[test]
fn nor_can_what_it_leaves_for_the_commit() {
    let mut house = House::new("gw_deferred");
    let other = house.role("other");
    let authenticator = house.authenticator.clone();
    house.run(&format!("GRANT {other} TO {authenticator}"));
    let gateway = house.serve(&["--pool-size", "1"]);
    for statement in [
        format!("EXECUTE 'SET ROLE {other}'"),
        format!("EXECUTE 'SET LOCAL ROLE {other}'"),
        format!("PERFORM set_config('role', '{other}', false)"),
        "EXECUTE 'RESET ROLE'".to_owned(),
        format!("EXECUTE 'SET SESSION AUTHORIZATION {other}'"),
    ] {
        house.answers(&deferred(&statement));
        let answer = gateway.post("/functions/v1/answer").token(&house.token()).send();
        assert!(answer.status >= 400, "{statement}: {}", answer.text());
    }
    house.answers(&deferred("RAISE NOTICE 'harmless'"));
    assert_eq!(gateway.post("/functions/v1/answer").token(&house.token()).send().is(200).json(), json!(house.user));
}

#[test]
fn nothing_is_left_in_the_connection_for_the_next() {
    let mut house = House::new("gw_leftovers");
    let gateway = house.serve(&["--pool-size", "1"]);
    let token = house.token();
    let first =
        deferred("PERFORM set_config('search_path', 'pg_temp, public', false), set_config('my.setting', 'x', false)");
    house.answers(&format!(
        "PERFORM pg_advisory_lock(42); EXECUTE 'PREPARE p AS SELECT 1'; CREATE TEMP TABLE notes (i int); {first}"
    ));
    gateway.post("/functions/v1/answer").token(&token).send().is(200);
    assert_eq!(house.value("SELECT pg_try_advisory_xact_lock(42)"), "t", "a lock is left");
    house.answers(
        "RETURN jsonb_build_object('temporary', (SELECT count(*) FROM pg_class WHERE relname IN ('t', 'notes') AND relpersistence = 't'),
             'prepared', (SELECT count(*) FROM pg_prepared_statements), 'path', current_setting('search_path'),
             'setting', COALESCE(current_setting('my.setting', true), ''), 'claims', current_setting('request.jwt.claims')::json ->> 'sub');",
    );
    let other = house.token_with(&json!({"sub": "u2"}));
    let seen = gateway.post("/functions/v1/answer").token(&other).send().is(200).json();
    let wanted = json!({"temporary": 0, "prepared": 0, "path": "\"$user\", public", "setting": "", "claims": "u2"});
    assert_eq!(seen, wanted);
    // Also after a failure.
    house.answers("PERFORM pg_advisory_lock(43); RAISE EXCEPTION 'no';");
    gateway.post("/functions/v1/answer").token(&token).send().is(400);
    // Postgres sends an error first and ends the transaction then.
    wait_until("no lock is left", || house.value("SELECT pg_try_advisory_xact_lock(43)") == "t");
}

#[test]
fn without_an_anonymous_role_a_token_is_needed() {
    let house = House::new("gw_anon");
    let gateway = house.serve_with(&["--jwt-secret", SECRET]);
    let refused = gateway.post("/functions/v1/answer").send().is(401);
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    gateway.post("/functions/v1/answer").token(&house.token()).send().is(200);
    // With one, what it may not do is 401 too: somebody with a token might.
    let gateway = house.serve(&[]);
    gateway.post("/functions/v1/answer").send().is(401);
    // A gateway without keys believes nobody.
    let gateway = house.serve_with(&["--anonymous-role", &house.anon]);
    gateway.post("/functions/v1/answer").token(&house.token()).send().is(401);
}

#[test]
fn audience_issuer_and_another_claim_for_the_role() {
    let mut house = House::new("gw_claims");
    let gateway =
        house.serve(&["--jwt-audience", "app", "--jwt-issuer", "https://id", "--jwt-role-claim", ".app.roles[0]"]);
    let ask = |claims: serde_json::Value| {
        let token = sign(&json!({"alg": "HS256"}), &claims, SECRET);
        gateway.post("/functions/v1/answer").token(&token).send().status
    };
    let exp = now() + 60;
    let app = json!({"roles": [house.user]});
    // Policies see the role that was taken, whatever else the token says.
    house.answers("RETURN current_setting('request.jwt.claims')::jsonb -> 'role';");
    let token = sign(
        &json!({"alg": "HS256"}),
        &json!({"aud": "app", "iss": "https://id", "exp": exp, "app": app, "role": "root"}),
        SECRET,
    );
    assert_eq!(gateway.post("/functions/v1/answer").token(&token).send().is(200).json(), json!(house.user));
    assert_eq!(ask(json!({"aud": ["x", "app"], "iss": "https://id", "exp": exp, "app": app})), 200);
    assert_eq!(ask(json!({"aud": "other", "iss": "https://id", "exp": exp, "app": app})), 401);
    assert_eq!(ask(json!({"iss": "https://id", "exp": exp, "app": app})), 401);
    assert_eq!(ask(json!({"aud": "app", "iss": "https://other", "exp": exp, "app": app})), 401);
}

#[test]
fn a_weak_secret_is_refused_at_start() {
    let output = std::process::Command::new(alyx_tests::command_line())
        .args(["serve", "--jwt-secret", "short", "--listen", "127.0.0.1:0"])
        .env("DATABASE_URL", "host=/nowhere")
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("32 are needed"), "{output:?}");
}
