//! Too much of anything: bodies, headers, requests, time. Each is refused, and others are served meanwhile.

use super::client::{answer_of, connect};
use super::house::House;
use alyx_tests::wait_until;
use serde_json::json;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

#[test]
fn bodies_are_bounded_in_size_and_time() {
    let house = House::new("gw_bodies");
    let gateway = house.serve(&["--max-body", "64kb", "--body-timeout", "1s"]);
    let token = house.token();
    let ask = |bytes: usize| {
        gateway.post("/functions/v1/answer").token(&token).header("content-type", "text/plain").body(vec![b'a'; bytes])
    };
    ask(64 << 10).send().is(200);
    ask((64 << 10) + 1).send().is(413);
    ask(10 << 20).send().is(413);
    let head = format!(
        "POST /functions/v1/answer HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\n"
    );
    // It says nothing of its size, and does not end.
    let mut stream = connect(gateway.address);
    stream.write_all(format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes()).unwrap();
    for _ in 0..20 {
        let _ = stream.write_all(format!("2000\r\n{}\r\n", "a".repeat(0x2000)).as_bytes());
    }
    assert_eq!(answer_of(stream).map(|answer| answer.status), Some(413));
    // It comes a byte at a time.
    let mut stream = connect(gateway.address);
    stream.write_all(format!("{head}content-length: 1000\r\n\r\n").as_bytes()).unwrap();
    let began = Instant::now();
    let mut slow = stream.try_clone().unwrap();
    std::thread::spawn(move || {
        while slow.write_all(b"a").is_ok() {
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    assert_eq!(answer_of(stream).map(|answer| answer.status), Some(408));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    // What was compressed might be anything.
    ask(10).header("content-encoding", "gzip").send().is(415);
}

#[test]
fn headers_are_bounded_in_number_size_and_time() {
    let house = House::new("gw_headers");
    let gateway = house.serve(&["--header-timeout", "1s"]);
    let mut request = gateway.get("/healthz");
    for n in 0..200 {
        request = request.header(&format!("x-{n}"), "a");
    }
    assert_eq!(request.send().status, 431);
    let request = gateway.get("/healthz").header("x-long", &"a".repeat(200 << 10));
    assert!(request.try_send().is_none_or(|answer| answer.status == 431));
    let long = gateway.get(&format!("/functions/v1/{}", "a".repeat(200 << 10)));
    assert!(long.try_send().is_none_or(|answer| (400..500).contains(&answer.status)));
    // A client that never ends its headers is let go.
    let mut stream = connect(gateway.address);
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: ").unwrap();
    let began = Instant::now();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    gateway.get("/healthz").send().is(200);
}

#[test]
fn what_is_no_http_is_refused() {
    let house = House::new("gw_nonsense");
    let gateway = house.serve(&[]);
    for nonsense in [
        &b"\x16\x03\x01\x02\x00\x01\x00"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /functions/v1/answer HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef",
        b"POST /functions/v1/answer HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST /functions/v1/answer HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\na\0b: c\r\n\r\n",
    ] {
        let mut stream = connect(gateway.address);
        stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
        stream.write_all(nonsense).unwrap();
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let status = answer_of(stream).map_or(0, |answer| answer.status);
        assert!(status == 0 || (400..500).contains(&status), "{nonsense:?}: {status}");
    }
    for path in [
        "/functions/v1/../../healthz",
        "/functions/v1/answer%2f..",
        "//functions/v1/answer",
        "/functions/v1/answer/%00",
        "/_admin/functions/../../etc/passwd",
        "/_admin/functions/..%2f..%2fx",
    ] {
        gateway.get(path).token(&house.token()).send().is(404);
    }
    gateway.get("/healthz").send().is(200);
}

#[test]
fn more_requests_than_can_wait_are_refused_at_once() {
    let mut house = House::new("gw_queue");
    house.answers("PERFORM pg_sleep(0.5); RETURN '1';");
    let gateway = house.serve(&["--pool-size", "2", "--max-waiting", "3", "--wait-timeout", "5s"]);
    let token = house.token();
    let began = Instant::now();
    let answers: Vec<(u16, Option<String>, Duration)> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..12)
            .map(|_| {
                scope.spawn(|| {
                    let answer = gateway.post("/functions/v1/answer").token(&token).send();
                    (answer.status, answer.header("retry-after").map(str::to_owned), began.elapsed())
                })
            })
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let refused: Vec<_> = answers.iter().filter(|(status, ..)| *status == 503).collect();
    assert_eq!(answers.iter().filter(|(status, ..)| *status == 200).count(), 5, "{answers:?}");
    assert_eq!(refused.len(), 7, "{answers:?}");
    assert!(
        refused.iter().all(|(_, retry, took)| retry.as_deref() == Some("1") && *took < Duration::from_millis(450)),
        "{answers:?}"
    );
    // Who waits in vain is told so in time.
    let gateway = house.serve(&["--pool-size", "1", "--wait-timeout", "100ms"]);
    let holder = gateway.post("/functions/v1/answer").token(&token).begin();
    std::thread::sleep(Duration::from_millis(100));
    gateway.post("/functions/v1/answer").token(&token).send().is(503);
    assert_eq!(answer_of(holder).unwrap().status, 200);
}

#[test]
fn one_client_may_have_so_many() {
    let mut house = House::new("gw_client");
    house.answers("PERFORM pg_sleep(0.5); RETURN '1';");
    let gateway = house.serve(&["--max-per-client", "1"]);
    let holder = gateway.post("/functions/v1/answer").token(&house.token()).begin();
    std::thread::sleep(Duration::from_millis(200));
    let refused = gateway.post("/functions/v1/answer").token(&house.token()).send().is(429);
    assert_eq!(refused.header("retry-after"), Some("1"));
    gateway.post("/functions/v1/answer").token(&house.token_with(&json!({"sub": "u2"}))).send().is(200);
    assert_eq!(answer_of(holder).unwrap().status, 200);
}

#[test]
fn all_bodies_together_have_a_limit() {
    let house = House::new("gw_memory");
    let gateway = house.serve(&["--max-bodies", "1mb"]);
    let head = format!(
        "POST /functions/v1/answer HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 900000\r\n\r\n",
        house.token()
    );
    // Whoever comes first has the memory; here it must be the one that does not end.
    let hold = || {
        let mut holder = connect(gateway.address);
        holder.write_all(head.as_bytes()).unwrap();
        holder.write_all(&vec![b'a'; 800_000]).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        holder
    };
    let ask = || {
        let request = gateway.post("/functions/v1/answer").token(&house.token());
        request.header("content-type", "text/plain").body(vec![b'a'; 400_000]).send().status
    };
    let mut holder = hold();
    wait_until("the memory is taken", || {
        let status = ask();
        if status != 503 {
            holder = hold();
        }
        status == 503
    });
    drop(holder);
    wait_until("the memory is free again", || ask() == 200);
}

#[test]
fn one_clients_bodies_do_not_take_the_memory_of_all() {
    let house = House::new("gw_shares");
    let gateway = house.serve(&["--max-bodies", "4mb", "--max-body", "1mb", "--max-deploy", "1mb"]);
    let begin = |token: &str| {
        let mut stream = connect(gateway.address);
        let head = format!(
            "POST /functions/v1/answer HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: 900000\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&vec![b'a'; 800_000]).unwrap();
        stream
    };
    let ask = |token: &str| {
        let request = gateway.post("/functions/v1/answer").token(token).header("content-type", "text/plain");
        request.body(vec![b'a'; 400_000]).send().status
    };
    let (greedy, other) = (house.token(), house.token_with(&json!({"sub": "u2"})));
    // Whoever comes first has the share; here it must be the one that does not end.
    let hold = || {
        let stalled = begin(&greedy);
        std::thread::sleep(Duration::from_millis(200));
        stalled
    };
    let mut stalled = hold();
    wait_until("the client has its share", || {
        let status = ask(&greedy);
        if status != 429 {
            stalled = hold();
        }
        status == 429
    });
    // Three more of its bodies would fill what is there for all.
    let more: Vec<_> = (0..3).map(|_| begin(&greedy)).collect();
    assert!(more.into_iter().all(|stream| answer_of(stream).is_none_or(|answer| answer.status == 429)));
    assert_eq!(ask(&other), 200);
    drop(stalled);
}

#[test]
fn a_request_that_takes_too_long_is_cancelled() {
    let mut house = House::new("gw_slow");
    house.answers("PERFORM pg_sleep(30); RETURN '1';");
    house.deploy_guest_as("answer", "answer", "timeout: 60s\n");
    let gateway = house.serve(&["--request-timeout", "300ms", "--pool-size", "2"]);
    for _ in 0..5 {
        let began = Instant::now();
        gateway.post("/functions/v1/answer").token(&house.token()).send().is(504);
        assert!(began.elapsed() < Duration::from_secs(3));
    }
    let authenticator = house.authenticator.clone();
    let running =
        format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{authenticator}' AND state = 'active'");
    wait_until("all are cancelled", || house.value(&running) == "0");
}

#[test]
fn a_client_that_goes_away_cancels_its_statement() {
    let mut house = House::new("gw_gone");
    house.answers("INSERT INTO effects (event) VALUES (event); PERFORM pg_sleep(30); RETURN '1';");
    house.deploy_guest_as("answer", "answer", "timeout: 60s\n");
    let gateway = house.serve(&["--pool-size", "2"]);
    let authenticator = house.authenticator.clone();
    let running =
        format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{authenticator}' AND state = 'active'");
    for _ in 0..4 {
        let stream = gateway.post("/functions/v1/answer").token(&house.token()).begin();
        wait_until("it runs", || house.value(&running) == "1");
        drop(stream);
        wait_until("it is cancelled", || house.value(&running) == "0");
    }
    assert_eq!(house.value("SELECT count(*) FROM effects"), "0");
    house.answers("RETURN '1';");
    gateway.post("/functions/v1/answer").token(&house.token()).send().is(200);
}

#[test]
fn replies_that_are_not_read_keep_new_requests_out_for_a_while() {
    let mut house = House::new("gw_unread");
    house.answers("RETURN to_jsonb(repeat('a', (event #>> '{input,n}')::int));");
    let gateway = house.serve(&["--max-bodies", "4mb", "--body-timeout", "2s"]);
    let ask = |n: usize| gateway.post("/functions/v1/answer").token(&house.token()).json(&json!({ "n": n }));
    // More than the sockets' buffers take.
    let held: Vec<_> = (0..2).map(|_| ask(30_000_000).begin()).collect();
    wait_until("new ones are refused", || ask(1).send().status == 503);
    wait_until("those who do not read are let go", || ask(1).send().status == 200);
    drop(held);
}

#[test]
fn those_who_say_nothing_are_let_go() {
    let house = House::new("gw_silent");
    let gateway = house.serve(&["--header-timeout", "1s", "--max-clients", "4"]);
    for first in [&b""[..], b"PRI * HTT", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"] {
        let silent: Vec<_> = (0..4)
            .map(|_| {
                let mut stream = connect(gateway.address);
                stream.write_all(first).unwrap();
                stream
            })
            .collect();
        let began = Instant::now();
        gateway.get("/healthz").send().is(200);
        assert!(began.elapsed() < Duration::from_secs(5), "{first:?}: {:?}", began.elapsed());
        drop(silent);
    }
}
