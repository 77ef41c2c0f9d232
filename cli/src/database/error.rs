//! The driver's errors in our three parts: the server's message, its DETAIL and CONTEXT, its HINT.

use postgres::error::{DbError, SqlState};

use crate::problem::{Exit, Problem};

/// Whether the connection is gone, so that another one may do better.
fn is_lost(error: &postgres::Error) -> bool {
    match error.as_db_error() {
        Some(db) => {
            let shutting_down =
                [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::CANNOT_CONNECT_NOW].contains(db.code());
            shutting_down || db.code().code().starts_with("08")
        }
        None => {
            error.is_closed() || std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>())
        }
    }
}

/// What failed, said by `what` (`cannot deploy "hello"`).
pub(crate) fn problem(what: impl Into<String>, error: &postgres::Error) -> Problem {
    let Some(db) = error.as_db_error() else {
        let reason = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
        let exit = if is_lost(error) { Exit::Unreachable } else { Exit::Failed };
        return Problem::new(exit, what).why(reason);
    };
    let exit = match db.code().code() {
        _ if is_lost(error) => Exit::Unreachable,
        "22023" if db.message().starts_with("invalid manifest") => Exit::Usage,
        _ => Exit::Refused,
    };
    let mut problem = Problem::new(exit, what).why(db.message());
    problem.sqlstate = Some(db.code().code().to_owned());
    if let Some(detail) = db.detail() {
        problem = problem.why(detail);
    }
    if let Some(context) = db.where_() {
        // The statement of the fn_* wrapper says nothing to who wrote the function.
        let frames: Vec<&str> = context.lines().filter(|line| !line.starts_with("SQL function \"fn_")).collect();
        problem = problem.why(frames.join("\n"));
    }
    match db.hint() {
        Some(hint) => problem.next(hint),
        None => advise(problem, db),
    }
}

/// What helps where the server has no hint.
fn advise(problem: Problem, error: &DbError) -> Problem {
    match error.code().code() {
        "42883" if error.message().starts_with("function \"") => {
            problem.next("\"alyx functions\" lists the functions that this role owns.")
        }
        "42501" => problem.next("Connect as a role that may, or have its owner grant it."),
        _ => problem,
    }
}
