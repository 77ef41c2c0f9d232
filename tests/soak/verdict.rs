//! What must hold when the clients have gone.

use crate::crowd::Run;
use crate::ledger::Ledger;
use crate::plan::Plan;
use crate::stage::{DATABASE, OWNER, Stage};
use crate::{keep, memory};
use alyx_tests::{Check, Session};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

/// How long backends may take to end when their clients have gone.
const BACKENDS_END: Duration = Duration::from_secs(5);
/// How long the jobs that are left may take.
const JOBS_END: Duration = Duration::from_secs(120);
/// How long the server may take to stop.
const SERVER_ENDS: Duration = Duration::from_secs(10);

/// Words that the server's log must not hold.
const EVIL_WORDS: &[&str] = &[
    "PANIC:",
    "TRAP:",
    "panicked at",
    "terminated by signal",
    "server process was terminated",
    "out of memory",
    " leak",
    "_XX000_",
    "_XX001_",
    "_XX002_",
    "corrupt",
    keep::SECRET,
];

/// What belongs together and does not; each is a number that must be 0.
const BROKEN_PAIRS: &[(&str, &str)] = &[
    ("rows without their BEFORE trigger", "SELECT count(*) FROM posts WHERE slug IS DISTINCT FROM 'set'"),
    (
        "rows without, or with two, of their AFTER trigger",
        "SELECT count(*) FROM posts p FULL JOIN (SELECT (event #>> '{database,new,id}')::bigint AS id, count(*) FROM events GROUP BY 1) e
         USING (id) WHERE e.count IS DISTINCT FROM 1 OR p.title IS NULL",
    ),
    (
        "rows whose job was lost or done twice",
        "SELECT count(*) FROM posts p FULL JOIN (SELECT post AS id, count(*) FROM effects WHERE function = 'notify' GROUP BY 1) e
         USING (id) WHERE p.title IS NULL OR e.count IS DISTINCT FROM 1
         AND (e.count > 1 OR NOT EXISTS (SELECT FROM alyx.dead_jobs WHERE function = 'notify' AND (input #>> '{new,id}')::bigint = p.id))",
    ),
    (
        "jobs that were lost or done twice",
        "SELECT count(*) FROM asked a FULL JOIN (SELECT job, count(*) FROM effects WHERE function = 'work' GROUP BY 1) e USING (job)
         WHERE a.n IS NULL OR e.count IS DISTINCT FROM 1
         AND (e.count > 1 OR NOT EXISTS (SELECT FROM alyx.dead_jobs d WHERE d.id = a.job))",
    ),
    ("jobs that are done and dead", "SELECT count(*) FROM effects e JOIN alyx.dead_jobs d ON d.id = e.job"),
    ("entries that do not fit the rows beside them", keep::BROKEN_ENTRIES),
    (
        "records that tell the secret",
        "SELECT (SELECT count(*) FROM alyx.logs WHERE message LIKE '%xyzzy%') + (SELECT count(*) FROM alyx.invocations WHERE error LIKE '%xyzzy%')",
    ),
    ("transactions left prepared", "SELECT count(*) FROM pg_prepared_xacts"),
    (
        "indexes that do not fit their tables",
        "SELECT count(bt_index_check(i.indexrelid, true)) * 0 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
         JOIN pg_am a ON a.oid = c.relam WHERE a.amname = 'btree' AND c.relkind = 'i' AND c.relpersistence = 'p'",
    ),
    (
        "damaged rows",
        "SELECT count(v) FROM pg_class c, LATERAL verify_heapam(c.oid) v WHERE c.relkind IN ('r', 't') AND c.relpersistence = 'p'",
    ),
];

/// Looks at everything; the server is stopped in the course of it.
pub fn checks(stage: Stage, plan: &Plan, ledger: &Ledger, run: &Run) -> Vec<Check> {
    let mut checks = vec![
        Check::new("clients that had to be thrown out", run.stuck.join(", "), run.stuck.is_empty()),
        surprises(ledger),
    ];
    checks.extend(memory::checks(plan, run));
    match stage.session("postgres", "soak verdict") {
        Ok(mut session) => checks.extend(live_checks(&stage, &mut session, ledger, run)),
        Err(refusal) => checks.push(Check::new("the server answers", refusal.to_string(), false)),
    }
    let took = stage.stop();
    checks.push(Check::new("seconds to stop the server", format!("{:.1}", took.as_secs_f64()), took < SERVER_ENDS));
    checks.extend(log(&stage));
    stage.start();
    let answer = stage.session(OWNER, "soak again").and_then(|mut session| session.attempt("SELECT add(1, 2)"));
    checks.push(Check::new(
        "after a restart add(1, 2) is",
        format!("{answer:?}"),
        answer.is_ok_and(|rows| rows == ["3"]),
    ));
    if let (Some(report), false) = (&plan.report, checks.iter().all(|check| check.holds)) {
        // The server's folder goes with it.
        let _ = std::fs::copy(&stage.server().log, report.with_extension("server.log"));
    }
    checks
}

fn live_checks(stage: &Stage, session: &mut Session, ledger: &Ledger, run: &Run) -> Vec<Check> {
    let mut checks = vec![backends(session, run), processes(session, run), jobs(stage, session)];
    checks.push(work_done(session));
    for (name, sql) in BROKEN_PAIRS {
        let found = session.attempt(sql).map_or_else(|refusal| refusal.to_string(), |rows| rows.join(", "));
        checks.push(Check::new(*name, &found, found == "0"));
    }
    checks.push(locks(session));
    checks.extend(counters(session, ledger));
    checks
}

fn surprises(ledger: &Ledger) -> Check {
    let surprises = ledger.surprises();
    let text = surprises.iter().map(|(what, count)| format!("{count} × {what}")).collect::<Vec<_>>();
    Check::new("errors that nobody expects", text.join("; "), surprises.is_empty())
}

/// Waits until a number is 0; gives the last one, and how long it took.
fn wait_for_none(session: &mut Session, sql: &str, wait: Duration) -> (String, Duration) {
    let began = Instant::now();
    loop {
        let found = session.attempt(sql).map_or_else(|refusal| refusal.to_string(), |rows| rows.join(", "));
        if found == "0" || began.elapsed() > wait {
            return (found, began.elapsed());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn backends(session: &mut Session, run: &Run) -> Check {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{DATABASE}' AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    );
    let (left, _) = wait_for_none(session, &sql, BACKENDS_END);
    let seconds = run.left_at.elapsed().as_secs_f64();
    Check::new("backends left", format!("{left} after {seconds:.1} s"), left == "0")
}

/// Launcher and manager are those of the beginning.
fn processes(session: &mut Session, run: &Run) -> Check {
    let sql = "SELECT string_agg(pid::text, ' ' ORDER BY backend_type) FROM pg_stat_activity WHERE backend_type IN ('alyx launcher', 'alyx manager')";
    let now = session.attempt(sql).map(|rows| rows.join("")).unwrap_or_default();
    let (first, last) = (run.processes_at_first(), now);
    Check::new(
        "launcher and manager",
        format!("{first} at first, {last} at last"),
        first == last && first.contains(' '),
    )
}

fn jobs(stage: &Stage, session: &mut Session) -> Check {
    // Whoever paused a function may have been killed before resuming it; schedules would go on for ever.
    if let Ok(mut owner) = stage.session(OWNER, "soak verdict") {
        let _ = owner.attempt("SELECT fn_unschedule(id) FROM alyx.schedules; SELECT fn_resume('lazy')");
    }
    let left = "SELECT (SELECT count(*) FROM alyx._job) + (SELECT count(*) FROM alyx._deferred)";
    let (left, took) = wait_for_none(session, left, JOBS_END);
    Check::new("jobs left", format!("{left} after {:.1} s more", took.as_secs_f64()), left == "0")
}

/// What follows is worth something only if there was much of it.
fn work_done(session: &mut Session) -> Check {
    let sql = "SELECT (SELECT count(*) FROM posts) AS rows, (SELECT count(*) FROM effects) AS jobs, (SELECT count(*) FROM alyx.dead_jobs) AS dead,
                      (SELECT count(*) FROM kept) AS kept, (SELECT sum(version) FROM alyx.functions) AS versions";
    let found = session.attempt(sql).map_or_else(|refusal| refusal.to_string(), |rows| rows.join(""));
    let numbers: Vec<&str> = found.split('|').collect();
    let is_much =
        numbers.len() == 5 && numbers.iter().all(|number| number.parse::<u64>().is_ok_and(|number| number > 10));
    let [rows, jobs, dead, kept, versions] = numbers[..] else { return Check::new("work done", found, false) };
    let text = format!(
        "{rows} rows with triggers, {jobs} jobs done and {dead} dead, {kept} entries written, {versions} versions deployed"
    );
    Check::new("work done", text, is_much)
}

fn locks(session: &mut Session) -> Check {
    let sql = "SELECT count(*) FROM pg_locks WHERE pid IS DISTINCT FROM pg_backend_pid()";
    let (left, _) = wait_for_none(session, sql, BACKENDS_END);
    Check::new("locks left", &left, left == "0")
}

/// What the clients counted and what the server counted; and of one function that there is a record, or a loss, of each call.
fn counters(session: &mut Session, ledger: &Ledger) -> Vec<Check> {
    let mut checks = Vec::new();
    for (function, made) in ledger.calls() {
        let sql = format!("SELECT calls FROM alyx.stats WHERE function = '{function}'");
        let counted = session.attempt(&sql).ok().and_then(|rows| rows.first()?.parse::<u64>().ok()).unwrap_or_default();
        let range = made.certain..=made.certain + made.doubtful;
        checks.push(Check::new(
            format!("calls of {function}"),
            format!("{counted}; clients made {} to {}", range.start(), range.end()),
            range.contains(&counted),
        ));
    }
    let sql = "SELECT sum(s.calls - s.lost_records - (SELECT count(*) FROM alyx.invocations i WHERE i.function = s.function)), sum(s.lost_records)
               FROM alyx.stats s WHERE s.function IN ('echo', 'scalars', 'trap', 'hog', 'spin', 'work', 'notify')";
    let found = session
        .attempt("SELECT alyx._drain()")
        .and_then(|_| session.attempt(sql))
        .map_or_else(|refusal| refusal.to_string(), |rows| rows.join(""));
    let (missing, lost) = found.split_once('|').unwrap_or((&found, ""));
    checks.push(Check::new(
        "calls without a record or a loss",
        format!("{missing}; records lost: {lost}"),
        missing == "0",
    ));
    checks
}

/// Also that what must not be there would have been found: guests did tell the secret.
fn log(stage: &Stage) -> Vec<Check> {
    let file = File::open(&stage.server().log).unwrap_or_else(|error| panic!("the server's log: {error}"));
    let mut evil = Vec::new();
    let (mut bytes, mut redacted) = (0, 0);
    for line in BufReader::new(file).split(b'\n').map_while(Result::ok) {
        bytes += line.len();
        let line = String::from_utf8_lossy(&line);
        redacted += usize::from(line.contains("[secret]"));
        if EVIL_WORDS.iter().any(|word| line.contains(word)) {
            evil.push(line.chars().take(300).collect::<String>());
        }
    }
    let shown = evil.iter().take(10).cloned().collect::<Vec<_>>().join("; ");
    vec![
        Check::new(
            "evil lines in the server's log",
            format!("{} in {} kB {shown}", evil.len(), bytes / 1000),
            evil.is_empty(),
        ),
        Check::new("lines with the secret blotted out", redacted.to_string(), redacted > 0),
    ]
}
