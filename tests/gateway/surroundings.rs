//! What stands around a gateway: TLS, replicas and other primaries, PgBouncer, a collector of traces.

use super::client::answer_of;
use super::house::{Gateway, House, SECRET, SETTINGS};
use alyx_tests::{Authority, Cluster, Reply, Web, run_as_server_user, wait_until};
use serde_json::json;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

fn curl(args: &[&str]) -> (bool, String) {
    let output = Command::new("curl").args(["--silent", "--show-error"]).args(args).output().unwrap();
    (
        output.status.success(),
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
    )
}

#[test]
fn tls_is_spoken_and_certificates_are_renewed() {
    let house = House::new("gw_tls");
    let authority = Authority::new("gateway");
    let folder = std::env::temp_dir().join(format!("alyx-gateway-tls-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let write = |name: &str| {
        let (certificate, private) = authority.pair(name);
        fs::write(&cert, certificate).unwrap();
        fs::write(&key, private).unwrap();
    };
    write("one.example.com");
    let gateway = house.serve(&["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()]);
    let port = gateway.address.port();
    let ask = |name: &str, version: &str| {
        curl(&[
            "--cacert",
            authority.file(),
            "--resolve",
            &format!("{name}:{port}:127.0.0.1"),
            version,
            "--write-out",
            " %{http_version}",
            &format!("https://{name}:{port}/healthz"),
        ])
    };
    assert_eq!(ask("one.example.com", "--http2"), (true, "ok\n 2".to_owned()));
    assert_eq!(ask("one.example.com", "--http1.1"), (true, "ok\n 1.1".to_owned()));
    assert!(!ask("two.example.com", "--http2").0);
    let (ok, told) = curl(&["--max-time", "5", &format!("http://127.0.0.1:{port}/healthz")]);
    assert!(!ok, "{told}");
    write("two.example.com");
    let deadline = std::time::Instant::now() + Duration::from_secs(25);
    while !ask("two.example.com", "--http2").0 {
        assert!(std::time::Instant::now() < deadline, "the new certificate is not used: {}", gateway.log());
        std::thread::sleep(Duration::from_millis(250));
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn reads_go_to_a_replica_and_everything_to_whoever_is_the_primary() {
    let mut house = House::alone("gw_replica");
    house.deploy_guest_as("reader", "answer", "hooks: [{type: http, methods: [GET], auth: optional}]\n");
    house.answers("RETURN to_jsonb(pg_is_in_recovery());");
    let replica = Cluster::standby_of(house.cluster(), "gateway_replica", &SETTINGS);
    let name = house.name().to_owned();
    wait_until("the replica has all of it", || {
        let lag = house.value("SELECT pg_current_wal_lsn()");
        replica.server().session("postgres").value(&format!("SELECT pg_last_wal_replay_lsn() >= '{lag}'")) == "t"
    });
    let reads = replica.server().url(&name, &house.authenticator);
    let (primary_folder, replica_folder) =
        (house.server().host.display().to_string(), replica.server().host.display().to_string());
    let both = format!(
        "host={primary_folder},{replica_folder} port=5432,5432 user={} dbname={name} target_session_attrs=read-write",
        house.authenticator
    );
    let gateway = Gateway::start(
        &both,
        &["--jwt-secret", SECRET, "--anonymous-role", &house.anon, "--read-database-url", &reads],
    );
    let get = || gateway.get("/functions/v1/reader").send();
    let post = || gateway.post("/functions/v1/answer").token(&house.token()).send();
    assert_eq!(get().is(200).json(), json!(true), "a GET is answered by the replica");
    assert_eq!(post().is(200).json(), json!(false), "a POST by the primary");
    // What a function says on the replica is an answer, and not asked again elsewhere.
    house.answers("RAISE EXCEPTION 'not now' USING ERRCODE = 'PT503', DETAIL = CASE WHEN pg_is_in_recovery() THEN 'replica' ELSE 'primary' END;");
    wait_until("the replica has it", || {
        let answer = get();
        answer.status == 503 && answer.json()["error"]["detail"] == "replica"
    });
    house.answers("RETURN to_jsonb(pg_is_in_recovery());");
    wait_until("the replica has that", || get().status == 200);
    // Without a replica the primary answers.
    replica.stop("fast");
    assert_eq!(get().is(200).json(), json!(false));
    replica.begin();
    wait_until("the replica answers again", || get().is(200).json() == json!(true));
    // The primary goes, and the replica takes its place: the gateway finds it by itself.
    let token = house.token();
    house.leave();
    house.cluster().stop("immediate");
    assert_eq!(gateway.post("/functions/v1/answer").token(&token).send().status, 503);
    replica.server().session("postgres").run("SELECT pg_promote()");
    wait_until("the other one is the primary", || {
        let answer = gateway.post("/functions/v1/answer").token(&token).send();
        answer.status == 200 && answer.json() == json!(false)
    });
    house.cluster().begin();
}

#[test]
fn a_server_that_says_nothing_keeps_nobody_from_the_next() {
    let mut house = House::new("gw_silent");
    house.answers("RETURN '1';");
    // The system takes its connections, and nobody reads what they say.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let several = format!(
        "host=127.0.0.1,{} port={},{} user={} dbname={} target_session_attrs=read-write",
        house.server().host.display(),
        silent.local_addr().unwrap().port(),
        house.server().port,
        house.authenticator,
        house.name()
    );
    let gateway = Gateway::start(&several, &["--jwt-secret", SECRET, "--connection-lifetime", "1s"]);
    let (token, began) = (house.token(), std::time::Instant::now());
    let post = || gateway.post("/functions/v1/answer").token(&token).send().is(200);
    post();
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    // A connection of that age is replaced by a new one.
    let pids = format!("SELECT pid FROM pg_stat_activity WHERE usename = '{}'", house.authenticator);
    let first = house.value(&pids);
    std::thread::sleep(Duration::from_millis(1100));
    post();
    wait_until("there is another", || house.rows(&pids).iter().all(|pid| *pid != first));
}

struct Bouncer(Child);

impl Drop for Bouncer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn pgbouncer_may_stand_between_in_transaction_mode() {
    let mut house = House::new("gw_bouncer");
    let folder = std::env::temp_dir().join(format!("alyx-bouncer-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let (server, dir) = (house.server(), folder.display());
    let text = format!(
        "[databases]\n* = host={} port={}\n[pgbouncer]\nlisten_addr =\nunix_socket_dir = {dir}\nlisten_port = 6432\n\
         auth_type = any\npool_mode = transaction\ndefault_pool_size = 3\nmax_client_conn = 200\n",
        server.host.display(),
        server.port
    );
    // With auth_type "any" everybody is who the pool says: here the gateway's own role.
    let text = text.replace("* = host", &format!("{} = user={} host", house.name(), house.authenticator));
    fs::write(folder.join("pgbouncer.ini"), text).unwrap();
    assert!(Command::new("chmod").args(["-R", "a+rwX"]).arg(&folder).status().unwrap().success());
    let mut command = run_as_server_user(std::path::Path::new("/usr/sbin/pgbouncer"));
    command.arg(folder.join("pgbouncer.ini")).stdout(Stdio::null()).stderr(Stdio::null());
    let _bouncer = Bouncer(command.spawn().expect("Debian's pgbouncer"));
    wait_until("it listens", || folder.join(".s.PGSQL.6432").exists());
    let url = format!("host={dir} port=6432 user=any dbname={} sslmode=disable", house.name());
    let gateway = Gateway::start(&url, &["--jwt-secret", SECRET, "--anonymous-role", &house.anon, "--pool-size", "20"]);
    house.answers("INSERT INTO effects (event) VALUES (event); RETURN jsonb_build_object('me', current_user, 'pid', pg_backend_pid());");
    let token = house.token();
    let answers: Vec<serde_json::Value> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..60)
            .map(|_| scope.spawn(|| gateway.post("/functions/v1/answer").token(&token).send().is(200).json()))
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| answer["me"] == house.user), "{answers:?}");
    let mut pids: Vec<i64> = answers.iter().map(|answer| answer["pid"].as_i64().unwrap()).collect();
    pids.sort_unstable();
    pids.dedup();
    assert!(pids.len() <= 3, "{pids:?}");
    assert_eq!(house.value("SELECT count(*) FROM effects"), "60");
    gateway.get("/admin/v1/me").token(&token).send().is(200);
    // A client that goes away is felt behind it, too.
    house.answers("PERFORM pg_sleep(20); RETURN '1';");
    let stream = gateway.post("/functions/v1/answer").token(&token).begin();
    let authenticator = house.authenticator.clone();
    let running =
        format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{authenticator}' AND state = 'active'");
    wait_until("it runs", || house.value(&running) == "1");
    drop(stream);
    wait_until("it is cancelled", || house.value(&running) == "0");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn traces_go_to_a_collector_under_the_clients_trace() {
    let collector = Web::new(|_| Reply::text(""));
    let house = House::new("gw_traces");
    let mut gateway = house.serve(&["--otlp-endpoint", &collector.origin()]);
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let request = gateway.post("/functions/v1/answer").token(&house.token());
    request.header("traceparent", &format!("00-{trace}-b7ad6b7169203331-01")).send().is(200);
    gateway.signal("TERM");
    assert_eq!(gateway.wait(Duration::from_secs(15)), Some(0));
    let sent = collector.requests();
    assert!(!sent.is_empty(), "nothing was sent: {}", gateway.log());
    let id: Vec<u8> = (0..16).map(|at| u8::from_str_radix(&trace[2 * at..2 * at + 2], 16).unwrap()).collect();
    let has = |wanted: &[u8]| sent.iter().any(|request| request.body.windows(wanted.len()).any(|part| part == wanted));
    assert!(sent.iter().all(|request| request.target == "/v1/traces"), "{:?}", sent[0].target);
    assert!(has(&id), "not under the client's trace");
    assert!(has(b"/functions/v1/answer") && has(b"alyx-gateway"));
}

#[test]
fn a_gateway_that_died_is_noticed_by_the_server() {
    let mut house = House::new("gw_died");
    let authenticator = house.authenticator.clone();
    house.run(&format!("ALTER ROLE {authenticator} SET client_connection_check_interval = '200ms'"));
    house.answers("PERFORM pg_sleep(20); INSERT INTO effects (event) VALUES (event); RETURN '1';");
    let gateway = house.serve(&[]);
    let stream = gateway.post("/functions/v1/answer").token(&house.token()).begin();
    let running =
        format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{authenticator}' AND state = 'active'");
    wait_until("it runs", || house.value(&running) == "1");
    gateway.signal("KILL");
    assert!(answer_of(stream).is_none());
    wait_until("its statement ends", || house.value(&running) == "0");
    assert_eq!(house.value("SELECT count(*) FROM effects"), "0");
}
