//! What needs a server of one's own: fast shutdown under a guest that spins, a restart, a damaged cache, a log without a crash.

use alyx_tests::{Cluster, Db, Session, guest, wait_until};
use std::thread;
use std::time::{Duration, Instant};

fn spin_until_stopped(cluster: &Cluster, db: &Db, ways: &[&str]) -> Duration {
    thread::scope(|scope| {
        let spinners: Vec<_> = ways
            .iter()
            .map(|way| {
                let mut session = db.session();
                scope.spawn(move || session.refusal(way).code)
            })
            .collect();
        let mut observer = db.session();
        wait_until("all guests spin", || {
            observer.value("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%spin%' AND pid <> pg_backend_pid()") == ways.len().to_string()
        });
        drop(observer);
        let asked = Instant::now();
        cluster.stop("fast");
        let took = asked.elapsed();
        for spinner in spinners {
            let code = spinner.join().expect("a spinning session");
            assert!(["57P01", "closed"].contains(&code.as_str()), "{code}");
        }
        took
    })
}

#[test]
fn fast_shutdown_stops_guests_and_a_restart_finds_everything() {
    let cluster = Cluster::start("restart");
    let mut db = Db::on(cluster.server().clone(), "restart");
    // What a fast stop costs this machine without any guest: the yardstick.
    let idle = {
        let asked = Instant::now();
        drop(db);
        cluster.stop("fast");
        let took = asked.elapsed();
        cluster.begin();
        db = Db::on(cluster.server().clone(), "restart_again");
        took
    };
    db.deploy("spin", &guest("spin_forever"), "entrypoint: handler\ntimeout: 60s\n");
    db.deploy_query();
    db.deploy("remembers", &guest("echo"), "");
    db.run("CREATE TABLE t (id int); CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION spin(); CREATE FUNCTION spin_scalar(int) RETURNS int LANGUAGE wasm AS 'spin:scalar'; SELECT remembers('1')");
    let took = spin_until_stopped(
        &cluster,
        &db,
        &[
            "SELECT spin('{}')",
            "/* spin */ INSERT INTO t VALUES (1)",
            "SELECT spin_scalar(1)",
            r#"/* spin */ SELECT query('{"sql": "SELECT pg_sleep(600)"}')"#,
        ],
    );
    assert!(took <= idle + Duration::from_millis(400), "a fast stop took {took:?} with guests and {idle:?} without");
    assert!(!cluster.is_up());

    cluster.begin();
    let mut session = db.session();
    assert_eq!(session.value("SELECT remembers('2')"), "2", "a deployed function outlives its server");
    assert_eq!(session.value("SELECT count(*) FROM t"), "0", "what a stopped guest was part of is rolled back");
    crash_and_recover(&cluster, &mut session, &db);

    let (log, _) = cluster.server().log_since(0);
    for word in ["PANIC:", "TRAP:", "segfault", "panicked at"] {
        assert!(!log.contains(word), "the server log speaks of {word}:\n{log}");
    }
    // Exactly the one crash that this test made.
    assert_eq!(log.matches("was terminated by signal").count(), 1, "{log}");
    drop(session);
    drop(db);
}

/// A backend killed in the middle of a guest takes the server through recovery; functions and artefacts are as before.
fn crash_and_recover(cluster: &Cluster, session: &mut Session, db: &Db) {
    let mut victim = db.session();
    let pid = victim.pid();
    thread::scope(|scope| {
        let spinner = scope.spawn(move || victim.refusal("SELECT spin('{}')").code);
        wait_until("the guest spins", || {
            session.value(&format!("SELECT state FROM pg_stat_activity WHERE pid = {pid}")) == "active"
        });
        let killed = alyx_tests::run_as_server_user(std::path::Path::new("/bin/kill"))
            .args(["-9", &pid.to_string()])
            .status()
            .expect("kill runs");
        assert!(killed.success());
        assert_eq!(spinner.join().expect("the killed session"), "closed");
    });
    wait_until("the server is back", || {
        std::panic::catch_unwind(|| cluster.server().connect("postgres", "postgres")).is_ok()
    });
    *session = db.session();
    assert_eq!(session.value("SELECT remembers('3')"), "3");
}

#[test]
fn compiled_code_is_only_a_cache() {
    let cluster = Cluster::start("cache");
    let mut db = Db::on(cluster.server().clone(), "cache");
    db.deploy("echo", &guest("echo"), "");
    assert_eq!(db.value("SELECT echo('1')"), "1");
    let folder = cluster.server().data.join("alyx_functions");
    let shell = |script: &str| {
        let mut command = alyx_tests::run_as_server_user(std::path::Path::new("/bin/sh"));
        let output = command.args(["-ec", script, "sh"]).arg(&folder).output().expect("sh runs");
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(shell("ls -ldn \"$1\"").starts_with("drwx------"), "the folder is its owner's alone");
    assert!(!shell("ls -A \"$1\"").trim().is_empty(), "there are artefacts");
    assert_eq!(shell("find \"$1\" -type f -perm /077"), "", "files are their owner's alone");

    shell("rm -f -- \"$1\"/*");
    assert_eq!(db.session().value("SELECT echo('2')"), "2", "a new session finds no artefact and builds it");
    assert_eq!(db.value("SELECT echo('3')"), "3", "an old session goes on with what it has");
    let artefacts = "ls -i \"$1\" | grep -v lock";
    // Each damage is done to a copy that takes the artefact's place: the artefact itself is mapped.
    for damage in [
        "truncate -s $(( $(stat -c %s \"$f\") / 2 )) \"$f.new\"",
        "printf x | dd of=\"$f.new\" bs=1 seek=$(( $(stat -c %s \"$f\") / 2 )) conv=notrunc 2>/dev/null",
        ": > \"$f.new\"",
        "chmod 666 \"$f.new\"",
    ] {
        shell(&format!("for f in \"$1\"/*; do cp -p \"$f\" \"$f.new\"; {damage}; mv \"$f.new\" \"$f\"; done"));
        let damaged = shell(artefacts);
        assert_eq!(db.session().value("SELECT echo('4')"), "4", "after {damage}");
        assert_ne!(shell(artefacts), damaged, "built again, not used: {damage}");
    }
    shell("mv \"$1\" \"$1.away\"; ln -s /nonexistent \"$1\"");
    assert_eq!(db.session().value("SELECT echo('5')"), "5", "without a usable folder code is compiled in memory");
    let (log, _) = cluster.server().log_since(0);
    assert!(!log.contains("terminated by signal"), "{log}");
}
