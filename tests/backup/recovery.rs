//! A base backup and the archived log, recovered to a moment before a mistake: functions, jobs and schedules are as they
//! were then, and go on from there.

use crate::house::{SETTINGS, done, furnish, job, job_does, must, shell, wait_for};
use alyx_tests::{Cluster, Session, guest, run_as_server_user};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A server that archives its log, with a base backup.
struct Archived {
    cluster: Cluster,
    archive: PathBuf,
}

impl Archived {
    fn new(label: &str) -> Archived {
        let archive = std::env::temp_dir().join(format!("alyx-{label}-archive-{}", std::process::id()));
        shell("rm -rf \"$1\"; mkdir -m 700 \"$1\"", &[&archive]);
        let command = format!("'archive_command=cp %p {}/%f'", archive.display());
        let settings = ["wal_level=replica", "archive_mode=on", command.as_str()];
        Archived { cluster: Cluster::preloaded(label, &[&SETTINGS[..], &settings].concat()), archive }
    }

    fn session(&self) -> Session {
        self.cluster.server().session("postgres")
    }

    /// A base backup, without the log that is needed to begin with it: that is in the archive.
    fn back_up(&self, options: &[&str]) -> PathBuf {
        let folder = self.archive.join("base");
        let server = self.cluster.server();
        let mut copy = run_as_server_user(&server.bin.join("pg_basebackup"));
        copy.args(["--username=postgres", "--port=5432", "--wal-method=none", "--checkpoint=fast", "--no-sync"]);
        must(copy.args(options).arg("--host").arg(&server.host).arg("-D").arg(&folder));
        folder
    }

    /// Archives all that was written so far; the server goes down, as one that is lost does.
    fn lose(&self) {
        let mut session = self.session();
        let last = session.value("SELECT pg_walfile_name(pg_switch_wal())");
        wait_for(&mut session, 10, &format!("SELECT last_archived_wal >= '{last}' FROM pg_stat_archiver"), "t");
        self.cluster.stop("immediate");
    }

    /// A server made of the base backup, recovered to this target.
    fn recover(&self, label: &str, target: &str) -> Cluster {
        let restore = format!("'restore_command=cp {}/%f %p'", self.archive.display());
        let target = format!("'{target}'");
        let settings = ["recovery_target_action=promote", "wal_level=replica", &restore, &target];
        let settings = [&["shared_preload_libraries=alyx_functions"], &SETTINGS[..], &settings].concat();
        let cluster = Cluster::filled(label, &settings, |_, data| {
            shell("cp -a \"$1/base\" \"$2\"; touch \"$2/recovery.signal\"", &[&self.archive, data]);
        });
        wait_for(&mut cluster.server().session("postgres"), 20, "SELECT pg_is_in_recovery()", "f");
        cluster
    }
}

impl Drop for Archived {
    fn drop(&mut self) {
        shell("rm -rf \"$1\"", &[&self.archive]);
    }
}

/// Names of the compiled modules in a data folder.
fn artefacts(data: &Path) -> Vec<String> {
    let list = shell("ls \"$1/alyx_functions\" 2>/dev/null | grep -v lock || true", &[data]);
    list.lines().map(str::to_owned).collect()
}

#[test]
fn to_a_named_point_before_a_bad_deploy_and_a_dropped_table() {
    let lost = Archived::new("backup_point");
    let mut session = lost.session();
    session.run("CREATE EXTENSION alyx_functions");
    furnish(&mut session);
    session.deploy_answer("one");
    session.run("CREATE TABLE t (id int, v text); CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION mark(); INSERT INTO t VALUES (1)");
    session.run("SELECT mark_count('1')");
    lost.back_up(&[]);
    // After the base backup: a second version, of another module, and jobs in every state.
    session.deploy("late", &guest("echo"), "");
    session.deploy_answer("two");
    session.run("INSERT INTO t VALUES (2)");
    session.run(&job(100));
    wait_for(&mut session, 10, "SELECT count(*) FROM effects", "1");
    wait_for(&mut session, 10, "SELECT count(*) FROM alyx.invocations WHERE trigger = 'queue'", "1");
    session.run("CREATE TABLE gate (is_open boolean)");
    job_does(&mut session, "WHILE n = 4 AND NOT EXISTS (SELECT FROM gate) LOOP PERFORM pg_sleep(0.01); END LOOP;");
    session.run(&job(4));
    wait_for(&mut session, 10, "SELECT status FROM alyx.jobs", "running");
    session.run("SELECT fn_pause('task')");
    session.run(&job(1));
    session
        .run(r#"SELECT fn_enqueue('task', '{"n": 2}', run_at => now() + interval '2 seconds', dedupe_key => 'two')"#);
    session.run("SELECT pg_create_restore_point('before the mistake')");
    // The mistake, and what came after it.
    session.deploy_answer("bad");
    session.run("DROP TABLE t; SELECT fn_drop('late')");
    session.run("SELECT fn_resume('task')");
    session.run(&job(5));
    wait_for(&mut session, 10, "SELECT count(*) FROM effects WHERE n IN (1, 5)", "2");
    drop(session);
    lost.lose();

    let found = lost.recover("backup_point_new", "recovery_target_name=before the mistake");
    let mut session = found.server().session("postgres");
    let before = artefacts(&found.server().data);
    assert!(!before.is_empty(), "compiled code came along with the base backup");
    assert_eq!(session.rows("SELECT id, v FROM t ORDER BY 1"), ["1|one", "2|two"]);
    assert_eq!(session.value("INSERT INTO t VALUES (3) RETURNING v"), "two");
    assert_eq!(artefacts(&found.server().data), before, "what came along is used");
    assert_eq!(session.value("SELECT late('7')"), "7", "compiled when it is called: its file did not come along");
    assert_eq!(artefacts(&found.server().data).len(), before.len() + 1);
    assert_eq!(session.value("SELECT fn_rollback('mark')"), "1");
    assert_eq!(session.value("INSERT INTO t VALUES (4) RETURNING v"), "one");
    jobs_go_on(&mut session);
    records_are_kept(&mut session);
    assert!(!found.server().log_since(0).0.contains("terminated by signal"));
}

/// Those that waited run once, the one that ran runs again; the one of later does not exist.
fn jobs_go_on(session: &mut Session) {
    assert_eq!(session.rows("SELECT state FROM fn_doctor() WHERE item = 'enabled'"), ["ok"], "it is no copy");
    session.run("INSERT INTO gate VALUES (true)");
    assert_eq!(session.value("SELECT paused FROM alyx.functions WHERE name = 'task'"), "t");
    session.run("SELECT fn_resume('task')");
    wait_for(session, 15, "SELECT count(*) FROM alyx._job", "0");
    wait_for(session, 15, "SELECT count(*) FROM alyx._deferred", "0");
    assert_eq!(done(session, 100), "1 2 4 100");
    assert_eq!(
        session.value("SELECT attempt FROM effects WHERE n = 4"),
        "2",
        "an attempt that the server ended counts"
    );
    assert_eq!(session.value("SELECT count(*) FROM alyx._dedupe"), "0");
}

/// Records and numbers that are given out go on from where they were.
fn records_are_kept(session: &mut Session) {
    wait_for(session, 10, "SELECT count(*) FROM alyx.invocations WHERE trigger = 'queue' AND status = 'ok'", "4");
    session.deploy("echo_again", &guest("echo"), "");
    assert_eq!(session.value("SELECT count(*) = count(DISTINCT id) FROM alyx._function"), "t");
    assert_eq!(session.deploy("task", &guest("task"), "timeout: 5s\n").version, 2);
}

#[test]
fn to_a_time_and_schedules_go_on_without_a_burst() {
    let lost = Archived::new("backup_time");
    let mut session = lost.session();
    session.run("CREATE EXTENSION alyx_functions");
    furnish(&mut session);
    for (missed, n) in [("once", 1000), ("skip", 2000), ("all", 3000)] {
        session.run(&format!(
            r#"SELECT fn_schedule('task', '@every 1s', overlap => 'allow', missed => '{missed}', input => '{{"n": {n}}}')"#
        ));
    }
    // The folder of compiled code stays behind.
    let base = lost.back_up(&[]);
    shell("rm -rf \"$1/alyx_functions\"", &[&base]);
    wait_for(&mut session, 10, "SELECT count(*) > 3 FROM effects WHERE n = 1000", "t");
    session.run("SELECT fn_enqueue('task', '{\"n\": 1}', run_at => now() + interval '1 day')");
    let time = session.value("SELECT clock_timestamp()");
    session.run("CREATE TABLE at_that_time AS SELECT event #>> '{schedule,scheduled_at}' AS instant, n FROM effects");
    std::thread::sleep(Duration::from_secs(4));
    session.run("SELECT fn_drop('task')");
    drop(session);
    lost.lose();

    let found = lost.recover("backup_time_new", &format!("recovery_target_time={time}"));
    let mut session = found.server().session("postgres");
    session.refused("SELECT FROM at_that_time", "42P01");
    assert_eq!(session.value("SELECT status FROM alyx.jobs WHERE input ->> 'n' = '1'"), "scheduled");
    let back = session.value("SELECT clock_timestamp()");
    wait_for(&mut session, 15, &format!("SELECT count(*) > 3 FROM effects WHERE n = 1000 AND at > '{back}'"), "t");
    assert!(!artefacts(&found.server().data).is_empty(), "compiled anew");
    // No instant twice, whatever the policy.
    let instant = "event #>> '{schedule,scheduled_at}'";
    assert_eq!(
        session.value(&format!("SELECT count(*) - count(DISTINCT (n, {instant})) FROM effects WHERE n >= 1000")),
        "0"
    );
    // Runs for instants between the target and now.
    let missed = |n: u32| {
        format!(
            "SELECT count(*) FROM effects WHERE n = {n} AND ({instant})::timestamptz > '{time}'::timestamptz + interval '1.1 s'
             AND ({instant})::timestamptz < (SELECT min(at) FROM effects WHERE at > '{time}'::timestamptz + interval '2 s') - interval '1.1 s'"
        )
    };
    assert_eq!(session.value(&missed(1000)), "0", "once: the latest instant only");
    assert_eq!(session.value(&missed(2000)), "0");
    assert!(session.value(&missed(3000)).parse::<u32>().unwrap() >= 2, "all: each of them");
    assert_eq!(session.value("SELECT count(*) FROM alyx.dead_jobs"), "0");
}

/// What these tests deploy.
trait Deploys {
    /// A version of the trigger function `mark` that sets the column `v`.
    fn deploy_answer(&mut self, v: &str);
}

impl Deploys for Session {
    fn deploy_answer(&mut self, v: &str) {
        let manifest = format!("env:\n  OUTCOME: '{{\"row\": {{\"v\": \"{v}\"}}}}'\n");
        self.deploy("mark", &guest("configured"), &manifest);
        self.run("CREATE OR REPLACE FUNCTION mark_count(jsonb) RETURNS jsonb LANGUAGE wasm AS 'mark'");
    }
}
