//! Results that are too large to be held: rows fetched a hundred at a time.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::de::DeserializeOwned;

use super::params::Params;
use super::statement::{Rows, Statement};
use crate::error::Error;
use crate::event::Event;
use crate::host;

/// Rows of a query, one after another; what [`cursor`] gives.
///
/// It is closed when it is dropped, and ends with the transaction. After an error it gives no more rows.
#[derive(Debug)]
pub struct Cursor<T> {
    name: String,
    batch: u32,
    waiting: VecDeque<T>,
    is_open: bool,
    is_at_end: bool,
    row: PhantomData<T>,
}

/// Opens a cursor: for queries whose result is too large for memory, or of which perhaps not all rows are needed.
///
/// # Errors
/// What the database says of the query.
///
/// ```
/// use alyx_functions::{db, params, Error};
///
/// # fn run() -> Result<(), Error> {
/// let mut total = 0;
/// for row in db::cursor::<(i64, i64)>("SELECT id, views FROM posts WHERE views > $1", params![100])? {
///     let (_, views) = row?;
///     total += views;
/// }
/// # Ok(()) }
/// ```
pub fn cursor<T: DeserializeOwned>(sql: &str, params: Params) -> Result<Cursor<T>, Error> {
    // A cursor lives as long as the transaction, this instance perhaps for one call: a number alone would come again.
    static OPENED: AtomicU32 = AtomicU32::new(0);
    let event = Event::of(&host::ask_bytes(host::CONTEXT, &host::Empty {})?);
    let name = format!("\"alyx cursor {} {}\"", event.id, OPENED.fetch_add(1, Ordering::Relaxed));
    Statement::new(format!("DECLARE {name} NO SCROLL CURSOR FOR {sql}"), params).execute()?;
    Ok(Cursor { name, batch: 100, waiting: VecDeque::new(), is_open: true, is_at_end: false, row: PhantomData })
}

impl<T: DeserializeOwned> Cursor<T> {
    /// How many rows are fetched at a time, at least 1; 100 unless it is said.
    #[must_use]
    pub fn batch(mut self, rows: u32) -> Self {
        self.batch = rows.max(1);
        self
    }

    fn fetch(&mut self) -> Result<(), Error> {
        let sql = format!("FETCH FORWARD {} FROM {}", self.batch, self.name);
        let rows: Rows = Statement::new(sql, Params::new()).run()?;
        self.is_at_end = rows.count() < u64::from(self.batch);
        self.waiting = rows.read()?.into();
        Ok(())
    }
}

impl<T: DeserializeOwned> Iterator for Cursor<T> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.waiting.is_empty() && !self.is_at_end {
            if let Err(error) = self.fetch() {
                self.is_at_end = true;
                return Some(Err(error));
            }
        }
        self.waiting.pop_front().map(Ok)
    }
}

impl<T> Drop for Cursor<T> {
    fn drop(&mut self) {
        // After a failure it may be gone already, and the host would forget the failure for that of CLOSE.
        if self.is_open && !host::has_failed() {
            let _ = Statement::new(format!("CLOSE {}", self.name), Params::new()).execute();
        }
    }
}
