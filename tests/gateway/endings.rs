//! Ends: of the gateway, asked or not, and of the server behind it. What was answered has happened once, and what was not
//! answered at most once.

use super::client::answer_of;
use super::house::House;
use alyx_tests::wait_until;
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

fn wait_until_it_runs(house: &mut House) {
    let sql =
        format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{}' AND state = 'active'", house.authenticator);
    wait_until("it runs", || house.value(&sql) == "1");
}

#[test]
fn asked_to_end_it_lets_requests_end() {
    let mut house = House::new("gw_graceful");
    house.answers("PERFORM pg_sleep(1); INSERT INTO effects (event) VALUES (event); RETURN '1';");
    let mut gateway = house.serve(&[]);
    let running = gateway.post("/functions/v1/answer").token(&house.token()).begin();
    wait_until_it_runs(&mut house);
    gateway.signal("TERM");
    std::thread::sleep(Duration::from_millis(100));
    assert!(gateway.get("/healthz").try_send().is_none(), "nobody new is let in");
    assert_eq!(answer_of(running).unwrap().status, 200);
    assert_eq!(gateway.wait(Duration::from_secs(5)), Some(0));
    assert_eq!(house.value("SELECT count(*) FROM effects"), "1");
}

#[test]
fn it_does_not_wait_for_ever() {
    let mut house = House::new("gw_impatient");
    house.answers("PERFORM pg_sleep(60); RETURN '1';");
    let mut gateway = house.serve(&["--shutdown-timeout", "300ms"]);
    let _running = gateway.post("/functions/v1/answer").token(&house.token()).begin();
    wait_until_it_runs(&mut house);
    gateway.signal("INT");
    assert_eq!(gateway.wait(Duration::from_secs(5)), Some(0));
}

#[test]
fn killed_in_the_middle_it_leaves_whole_requests_only() {
    let mut house = House::new("gw_killed");
    house.answers("INSERT INTO effects (event) VALUES (event); PERFORM pg_sleep(0.05); INSERT INTO effects (event) VALUES (event); RETURN '1';");
    let answered = AtomicUsize::new(0);
    for _ in 0..3 {
        let gateway = house.serve(&[]);
        let token = house.token();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let answer = gateway.post("/functions/v1/answer").token(&token).try_send();
                        answered.fetch_add(
                            usize::from(answer.is_some_and(|answer| answer.status == 200)),
                            Ordering::Relaxed,
                        );
                    }
                });
            }
            std::thread::sleep(Duration::from_millis(700));
            gateway.signal("KILL");
            stop.store(true, Ordering::Relaxed);
        });
    }
    let authenticator = house.authenticator.clone();
    let left = format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{authenticator}'");
    wait_until("its sessions have ended", || house.value(&left) == "0");
    let effects: usize = house.value("SELECT count(*) FROM effects").parse().unwrap();
    assert_eq!(effects % 2, 0, "half of a request");
    assert!(effects / 2 >= answered.load(Ordering::Relaxed), "an answer without its effect");
}

#[test]
fn under_its_key_a_request_is_run_once_whoever_dies() {
    let mut house = House::new("gw_keyed");
    house.answers("INSERT INTO effects (event) VALUES (event); PERFORM pg_sleep(0.02); RETURN '1';");
    let keys = 40;
    let token = house.token();
    let mut gateway = house.serve(&[]);
    let mut unanswered: Vec<usize> = (0..keys).collect();
    for round in 0..20 {
        if unanswered.is_empty() {
            break;
        }
        let results: Vec<(usize, bool)> = std::thread::scope(|scope| {
            let all: Vec<_> = unanswered
                .iter()
                .map(|key| {
                    let request = gateway
                        .post("/functions/v1/answer")
                        .token(&token)
                        .header("idempotency-key", &format!("k{key}"));
                    scope.spawn(move || (*key, request.try_send().is_some_and(|answer| answer.status == 200)))
                })
                .collect();
            if round < 3 {
                std::thread::sleep(Duration::from_millis(40));
                gateway.signal("KILL");
            }
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        unanswered = results.into_iter().filter(|(_, is_answered)| !is_answered).map(|(key, _)| key).collect();
        if round < 3 {
            gateway = house.serve(&[]);
        }
    }
    assert!(unanswered.is_empty(), "{unanswered:?}");
    assert_eq!(house.value("SELECT count(*) FROM effects"), keys.to_string());
}

#[test]
fn the_server_is_started_anew_under_load() {
    let mut house = House::alone("gw_restart");
    house.answers("INSERT INTO effects (event) VALUES (event); RETURN '1';");
    let gateway = house.serve(&["--pool-size", "5"]);
    let token = house.token();
    let (stop, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let statuses = std::sync::Mutex::new(std::collections::BTreeMap::<u16, usize>::new());
    house.leave();
    std::thread::scope(|scope| {
        for client in 0..8 {
            let (gateway, token, stop, answered, statuses) = (&gateway, &token, &stop, &answered, &statuses);
            scope.spawn(move || {
                let mut n = 0;
                while !stop.load(Ordering::Relaxed) {
                    n += 1;
                    let request = gateway.post("/functions/v1/answer").token(token).json(&json!({"c": client, "n": n}));
                    let status = request.send().status;
                    answered.fetch_add(usize::from(status == 200), Ordering::Relaxed);
                    *statuses.lock().unwrap().entry(status).or_default() += 1;
                    if status != 200 {
                        std::thread::sleep(Duration::from_millis(20));
                    }
                }
            });
        }
        for mode in ["fast", "immediate"] {
            std::thread::sleep(Duration::from_millis(500));
            house.cluster().stop(mode);
            assert_eq!(gateway.get("/healthz").send().status, 200);
            assert_eq!(gateway.get("/readyz").send().status, 503);
            house.cluster().begin();
            wait_until("it serves again", || gateway.get("/readyz").send().status == 200);
        }
        std::thread::sleep(Duration::from_millis(500));
        stop.store(true, Ordering::Relaxed);
    });
    let statuses = statuses.into_inner().unwrap();
    assert!(statuses.keys().all(|status| [200, 503].contains(status)), "{statuses:?}");
    assert!(statuses[&200] > 50, "{statuses:?}");
    let mut session = house.session();
    let effects: usize = session.value("SELECT count(*) FROM effects").parse().unwrap();
    let distinct: usize = session.value("SELECT count(DISTINCT event -> 'input') FROM effects").parse().unwrap();
    assert_eq!(effects, distinct, "something was run twice");
    assert!(effects >= answered.load(Ordering::Relaxed), "something that was answered is lost");
}
