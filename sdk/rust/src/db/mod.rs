//! The database, with the caller's rights and row-level security, in the caller's transaction.
//!
//! ```
//! use alyx_functions::{db, params, Error};
//!
//! #[derive(serde::Deserialize)]
//! struct Post { id: i64, title: String }
//!
//! # fn run(author: i64) -> Result<(), Error> {
//! let posts: Vec<Post> = db::query("SELECT id, title FROM posts WHERE author = $1", params![author])?;
//! let count: i64 = db::query_one("SELECT count(*) FROM posts", params![])?;
//! let newest: Option<(i64, String)> = db::query_opt("SELECT id, title FROM posts ORDER BY id DESC LIMIT 1", params![])?;
//! let changed = db::execute("UPDATE posts SET views = views + 1 WHERE author = $1", params![author])?;
//! # Ok(()) }
//! ```
//!
//! A row is read as a struct or map by the names of its columns, as a tuple by their order, or as the value itself where it has
//! one column. Values come as `to_jsonb` writes them: dates and UUIDs are text, `bigint` is exact, a `numeric` is exact as
//! [`Numeric`](crate::Numeric), `bytea` is [`Bytea`](crate::Bytea).
//!
//! **A statement that fails** is an [`Error`] with every field that PostgreSQL gave. Handled, the transaction goes on as before
//! the statement; returned by `?`, the caller gets the database's own error, as if it had run the statement itself.

mod cursor;
mod params;
mod row;
mod statement;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::host;

pub use cursor::{cursor, Cursor};
pub use params::Params;
pub use statement::{Rows, Statement};

/// The rows of a statement.
///
/// # Errors
/// What the database says; 42804 when a row does not fit the type.
pub fn query<T: DeserializeOwned>(sql: &str, params: Params) -> Result<Vec<T>, Error> {
    Statement::new(sql, params).query()
}

/// The only row of a statement.
///
/// # Errors
/// As [`query`]; P0002 when there is none, P0003 when there are several.
pub fn query_one<T: DeserializeOwned>(sql: &str, params: Params) -> Result<T, Error> {
    Statement::new(sql, params).query_one()
}

/// The only row of a statement, or none.
///
/// # Errors
/// As [`query`]; P0003 when there are several.
pub fn query_opt<T: DeserializeOwned>(sql: &str, params: Params) -> Result<Option<T>, Error> {
    Statement::new(sql, params).query_opt()
}

/// How many rows a statement changed, or returned.
///
/// # Errors
/// What the database says.
pub fn execute(sql: &str, params: Params) -> Result<u64, Error> {
    Statement::new(sql, params).execute()
}

/// Several statements in one call of the host, all or none; what each of them gave.
///
/// # Errors
/// What the database says of the first that fails; none of them counts then.
///
/// ```
/// use alyx_functions::db::{self, Statement};
/// use alyx_functions::{params, Error};
///
/// # fn run(from: i64, to: i64) -> Result<(), Error> {
/// let moved = db::batch([
///     Statement::new("UPDATE accounts SET balance = balance - 10 WHERE id = $1", params![from]),
///     Statement::new("UPDATE accounts SET balance = balance + 10 WHERE id = $1", params![to]),
/// ])?;
/// assert!(moved.iter().all(|rows| rows.count() == 1));
/// # Ok(()) }
/// ```
pub fn batch(statements: impl IntoIterator<Item = Statement>) -> Result<Vec<Rows>, Error> {
    #[derive(Serialize)]
    struct Batch<'a> {
        statements: &'a [statement::Request],
    }
    #[derive(Deserialize)]
    struct Answer {
        results: Vec<Rows>,
    }
    let statements = statements.into_iter().map(Statement::request).collect::<Result<Vec<_>, _>>()?;
    let answer: Answer = host::run(host::DB_BATCH, &Batch { statements: &statements })?;
    Ok(answer.results)
}

/// Runs `work` so that what its statements did is undone when it returns an error.
///
/// It is a stretch of the caller's transaction, which goes on after it. Stretches may be nested, at most 32 in each other.
///
/// # Errors
/// What `work` returns.
///
/// ```
/// use alyx_functions::{db, params, Error};
///
/// # fn run(order: i64) -> Result<(), Error> {
/// let shipped = db::transaction(|| {
///     db::execute("UPDATE orders SET status = 'shipped' WHERE id = $1", params![order])?;
///     if db::execute("UPDATE stock SET pieces = pieces - 1 WHERE pieces > 0", params![])? == 0 {
///         return Err(Error::msg("out of stock"));
///     }
///     Ok(())
/// });
/// if shipped.is_err() {
///     db::execute("UPDATE orders SET status = 'waiting' WHERE id = $1", params![order])?;
/// }
/// # Ok(()) }
/// ```
pub fn transaction<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    host::run::<host::Empty>(host::DB_SAVEPOINT, &host::Empty {})?;
    match work() {
        Ok(value) => host::ask::<host::Empty>(host::DB_RELEASE, &host::Empty {}).map(|_| value),
        Err(error) => {
            host::ask::<host::Empty>(host::DB_ROLLBACK, &host::Empty {})?;
            Err(error)
        }
    }
}
