//! What visitors do: calls that work, calls that must be stopped, and rows that fire triggers.

use crate::crowd::{Action, Visit, wrong};
use crate::stage::CHURN;
use alyx_tests::{Refusal, literal};
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::Duration;

type Outcome = Result<(), Refusal>;

/// A function that is dropped, bound anew or altered while it is called.
const CHANGING: &[&str] = &["42883", "42704", "40P01", "55P03", "0A000", "42501", "42P01", "42703", "39P01"];

/// What a client that calls chooses from.
pub const ACTIONS: &[Action] = &[
    Action { name: "scalar call", weight: 60, endings: &[], run: scalar },
    Action { name: "JSON call", weight: 40, endings: &[], run: echo },
    Action { name: "reused instance", weight: 30, endings: &[], run: reused },
    Action { name: "rows, three triggers", weight: 30, endings: &[], run: rows },
    Action { name: "rows, two phases", weight: 3, endings: &[], run: two_phases },
    Action { name: "SQL in the guest", weight: 20, endings: &[], run: queries },
    Action { name: "unhandled SQL error", weight: 8, endings: &["22012"], run: unhandled },
    Action { name: "caught traps", weight: 6, endings: &[], run: caught },
    Action { name: "one job", weight: 10, endings: &[], run: one_job },
    Action { name: "spin", weight: 4, endings: &["57014"], run: |visit| stopped(visit, "spin", "SELECT spin('{}')") },
    Action {
        name: "spin at start",
        weight: 2,
        endings: &["57014"],
        run: |visit| stopped(visit, "spin_at_start", "SELECT spin_at_start('{}')"),
    },
    Action { name: "statement_timeout", weight: 3, endings: &[], run: statement_timeout },
    Action { name: "trap", weight: 10, endings: &["38000"], run: |visit| stopped(visit, "trap", "SELECT trap('{}')") },
    Action {
        name: "trap of a reused instance",
        weight: 8,
        endings: &["38000"],
        run: |visit| stopped(visit, "dies", "SELECT count_then_trap()"),
    },
    Action {
        name: "deep recursion",
        weight: 6,
        endings: &["54000"],
        run: |visit| stopped(visit, "recurse", "SELECT recurse('{}')"),
    },
    Action { name: "invokes itself", weight: 6, endings: &["54000"], run: invokes_itself },
    Action {
        name: "memory hog",
        weight: 4,
        endings: &["53200"],
        run: |visit| stopped(visit, "hog", "SELECT hog('{}')"),
    },
    Action {
        name: "host memory hog",
        weight: 4,
        endings: &["53200"],
        run: |visit| stopped(visit, "host_hog", "SELECT host_hog('{}')"),
    },
    Action {
        name: "table hog",
        weight: 3,
        endings: &["54000"],
        run: |visit| stopped(visit, "table_hog", "SELECT table_hog('{}')"),
    },
    Action {
        name: "big output",
        weight: 1,
        endings: &["54000"],
        run: |visit| stopped(visit, "big_output", "SELECT big_output('{}')"),
    },
    Action { name: "log flood", weight: 3, endings: &["57014"], run: flood },
    Action {
        name: "bad offset",
        weight: 4,
        endings: &["38000"],
        run: |visit| stopped(visit, "bad_offset", "SELECT bad_query()"),
    },
    Action { name: "leaves things behind", weight: 4, endings: &[], run: leavings },
    Action { name: "changing function", weight: 40, endings: CHANGING, run: changing },
    Action { name: "playground", weight: 10, endings: CHANGING, run: playground },
    Action { name: "leaves in the middle", weight: 2, endings: &[], run: leaves_in_the_middle },
];

fn scalar(visit: &mut Visit<'_>) -> Outcome {
    let number = visit.dice.below(1_000_000);
    let answer = visit.call("scalars", &format!("SELECT add({number}, 1)"))?;
    if answer == (number + 1).to_string() { Ok(()) } else { Err(wrong(answer)) }
}

fn echo(visit: &mut Visit<'_>) -> Outcome {
    let most = if visit.dice.below(50) == 0 { 1_000_000 } else { 2000 };
    let size = visit.dice.below(most);
    let text = format!("{{\"x\": \"{}\"}}", "é".repeat(size as usize / 2));
    let answer = visit.call("echo", &format!("SELECT echo({})", literal(&text)))?;
    if answer == text { Ok(()) } else { Err(wrong(answer.len())) }
}

/// Each instance counts for itself; within a transaction the second call must see the first.
fn reused(visit: &mut Visit<'_>) -> Outcome {
    visit.call("counter", "SELECT count_session(0)")?;
    visit.session.attempt("BEGIN")?;
    let first = visit.call("tally", "SELECT count_transaction(0)")?;
    let second = visit.call("tally", "SELECT count_transaction(0)")?;
    visit.session.attempt("COMMIT")?;
    if (first.as_str(), second.as_str()) == ("1", "2") { Ok(()) } else { Err(wrong(format!("{first}, {second}"))) }
}

fn rows(visit: &mut Visit<'_>) -> Outcome {
    let number = 1 + visit.dice.below(5);
    let ending = if visit.dice.below(4) == 0 { "ROLLBACK" } else { "COMMIT" };
    visit
        .session
        .attempt(&format!(
            "BEGIN; INSERT INTO posts (title) SELECT 'post ' || i FROM generate_series(1, {number}) i;
             SAVEPOINT s; INSERT INTO posts (title) VALUES ('never'); ROLLBACK TO s; {ending}"
        ))
        .map(drop)
}

/// Only clients that nobody terminates: a transaction must not be left prepared.
fn two_phases(visit: &mut Visit<'_>) -> Outcome {
    if visit.client % 20 > 3 {
        return Ok(());
    }
    let name = format!("soak_{}_{}", visit.client, visit.turn);
    visit
        .session
        .attempt(&format!("BEGIN; INSERT INTO posts (title) VALUES ('two phases'); PREPARE TRANSACTION '{name}'"))?;
    let end = if visit.dice.below(3) == 0 { "ROLLBACK" } else { "COMMIT" };
    // A cancel may meet this one, too.
    let mut ending = visit.session.attempt(&format!("{end} PREPARED '{name}'"));
    while ending.as_ref().is_err_and(|refusal| refusal.code == "57014") {
        ending = visit.session.attempt(&format!("{end} PREPARED '{name}'"));
    }
    ending.map(drop)
}

fn queries(visit: &mut Visit<'_>) -> Outcome {
    let lines = [
        r#"q{"sql": "SELECT count(*) FROM pg_class WHERE relname LIKE $1", "params": ["p%"]}"#,
        r#"q{"sql": "SELECT 1/0"}"#,
        r#"b{"statements": [{"sql": "CREATE TEMP TABLE t (id int) ON COMMIT DROP"}, {"sql": "SELECT * FROM nowhere"}]}"#,
        r#"q{"sql": "SET ROLE postgres"}"#,
        r#"c{"name": "lazy"}"#,
        r#"l{"level": "debug", "message": "soaked"}"#,
        r#"q{"sql": "SELECT repeat('x', 1000) FROM generate_series(1, 500)"}"#,
    ]
    .join("\n");
    let answer = visit.session.attempt(&format!("SELECT script({}) -> 1 #>> '{{error,code}}'", literal(&lines)))?;
    if answer == ["22012"] { Ok(()) } else { Err(wrong(format!("{answer:?}"))) }
}

fn unhandled(visit: &mut Visit<'_>) -> Outcome {
    let lines = literal("q{\"sql\": \"SELECT 1/0\"}\nx");
    expect_failure(visit.session.attempt(&format!("SELECT script({lines})")))
}

fn caught(visit: &mut Visit<'_>) -> Outcome {
    visit
        .session
        .attempt(
            "DO $$ BEGIN FOR i IN 1..20 LOOP BEGIN PERFORM script('t'); RAISE 'trapped and went on';
             EXCEPTION WHEN external_routine_exception THEN NULL; END; END LOOP; END $$",
        )
        .map(drop)
}

fn one_job(visit: &mut Visit<'_>) -> Outcome {
    let number = visit.dice.below(1000);
    visit
        .session
        .attempt(&format!("INSERT INTO asked SELECT fn_enqueue('work', '{{\"n\": {number}}}'), {number}"))
        .map(drop)
}

/// A call that must not succeed, by a function that is called in this way only.
fn stopped(visit: &mut Visit<'_>, function: &'static str, sql: &str) -> Outcome {
    let answer = visit.call(function, sql);
    expect_failure(answer)
}

fn expect_failure<T: std::fmt::Debug>(answer: Result<T, Refusal>) -> Outcome {
    match answer {
        Ok(answer) => Err(wrong(format!("{answer:?}"))),
        Err(refusal) => Err(refusal),
    }
}

fn statement_timeout(visit: &mut Visit<'_>) -> Outcome {
    let timeout_ms = 10 + visit.dice.below(40);
    let sql = format!("BEGIN; SET LOCAL statement_timeout = {timeout_ms}; SELECT spin_long('{{}}')");
    expect_failure(visit.session.attempt(&sql))
}

fn invokes_itself(visit: &mut Visit<'_>) -> Outcome {
    // Each level asks for the next with what is left of the request.
    let mut lines = String::new();
    for _ in 0..9 {
        let request = serde_json::json!({"sql": "SELECT script($1)", "params": [lines], "catch": false});
        lines = format!("q{request}");
    }
    expect_failure(visit.session.attempt(&format!("SELECT script({})", literal(&lines))))
}

/// A million lines, or as many as there is time for.
fn flood(visit: &mut Visit<'_>) -> Outcome {
    visit.call("flood", "SELECT flood('{}')").map(drop)
}

/// Cursors, settings, temporary tables and advisory locks of a guest end with what they belong to.
fn leavings(visit: &mut Visit<'_>) -> Outcome {
    let lines = [
        r#"q{"sql": "SELECT pg_advisory_xact_lock_shared(1)"}"#,
        r#"q{"sql": "SET work_mem = '1MB'"}"#,
        r#"q{"sql": "DECLARE c CURSOR FOR SELECT * FROM pg_class"}"#,
        r#"q{"sql": "CREATE TEMP TABLE left_behind AS SELECT 1"}"#,
    ]
    .join("\n");
    let before = visit.session.attempt("SHOW work_mem")?;
    visit.session.attempt(&format!("BEGIN; SELECT script({}); ROLLBACK", literal(&lines)))?;
    let after = visit.session.attempt("SHOW work_mem")?;
    if before == after { Ok(()) } else { Err(wrong(format!("work_mem is {after:?}"))) }
}

fn changing(visit: &mut Visit<'_>) -> Outcome {
    let name = visit.dice.pick(&CHURN);
    let sql = match visit.dice.below(4) {
        0 => format!("SELECT fn_invoke('{name}')"),
        1 => format!("SELECT {name}('{{}}')"),
        2 => format!("SELECT {name}_number()"),
        _ => format!("DEALLOCATE ALL; PREPARE p AS SELECT {name}_number(); EXECUTE p; EXECUTE p"),
    };
    visit.session.attempt(&sql).map(drop)
}

fn playground(visit: &mut Visit<'_>) -> Outcome {
    let number = visit.dice.below(1000);
    let sql = match visit.dice.below(4) {
        0 => format!("UPDATE playground SET note = 'again' WHERE id = {number}"),
        1 => format!("DELETE FROM playground WHERE id = {number}"),
        _ => format!("INSERT INTO playground (id, note) VALUES ({number}, 'here')"),
    };
    visit.session.attempt(&sql).map(drop)
}

/// A client that dies while its function runs: the server learns of it when it wants to answer.
fn leaves_in_the_middle(visit: &mut Visit<'_>) -> Outcome {
    let server = visit.stage.server();
    let socket = server.host.join(format!(".s.PGSQL.{}", server.port));
    let Ok(mut stream) = UnixStream::connect(socket) else { return Ok(()) };
    let mut words = 196_608_u32.to_be_bytes().to_vec();
    words.extend(b"user\0soak_ann\0database\0soak\0application_name\0soak visitor\0\0");
    let mut message = (words.len() as u32 + 4).to_be_bytes().to_vec();
    message.extend(words);
    let query = b"SELECT spin_long('{}')\0";
    message.push(b'Q');
    message.extend((query.len() as u32 + 4).to_be_bytes());
    message.extend(query);
    // The server may be out of connections and close it first.
    let _ = stream.write_all(&message);
    std::thread::sleep(Duration::from_millis(visit.dice.below(200)));
    Ok(())
}
