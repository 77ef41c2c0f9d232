//! One statement and its result.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::params::{Params, Values};
use super::row;
use crate::error::Error;
use crate::host;

/// A statement with its values, for [`batch`](super::batch) and for what is rarer than [`query`](super::query).
#[derive(Debug)]
#[must_use]
pub struct Statement {
    sql: String,
    params: Params,
    catch: bool,
}

/// `db_query`, and a member of `db_batch`.
#[derive(Serialize)]
pub(super) struct Request {
    sql: String,
    params: Values,
    #[serde(skip_serializing_if = "is_true")]
    catch: bool,
}

fn is_true(value: &bool) -> bool {
    *value
}

impl Statement {
    /// A statement: exactly one, with `$1`, `$2`, … for its values.
    pub fn new(sql: impl Into<String>, params: Params) -> Self {
        Self { sql: sql.into(), params, catch: true }
    }

    /// Says that its failure is not to be handled: it ends the function, and the caller gets the database's error. That saves a
    /// subtransaction. No effect in a batch.
    pub fn uncaught(self) -> Self {
        Self { catch: false, ..self }
    }

    /// Runs it; its rows, not read yet.
    ///
    /// # Errors
    /// What the database says.
    pub fn run(self) -> Result<Rows, Error> {
        host::run(host::DB_QUERY, &self.request()?)
    }

    /// Runs it; its rows.
    ///
    /// # Errors
    /// As [`query`](super::query).
    pub fn query<T: DeserializeOwned>(self) -> Result<Vec<T>, Error> {
        self.run()?.read()
    }

    /// Runs it; its only row.
    ///
    /// # Errors
    /// As [`query_one`](super::query_one).
    pub fn query_one<T: DeserializeOwned>(self) -> Result<T, Error> {
        self.query_opt()?.ok_or_else(|| Error::new("P0002", "query returned no rows"))
    }

    /// Runs it; its only row, or none.
    ///
    /// # Errors
    /// As [`query_opt`](super::query_opt).
    pub fn query_opt<T: DeserializeOwned>(self) -> Result<Option<T>, Error> {
        let rows = self.run()?;
        match rows.rows.as_slice() {
            [] => Ok(None),
            [only] => row::read(1, only).map(Some),
            _ => Err(Error::new("P0003", "query returned more than one row")),
        }
    }

    /// Runs it; how many rows it changed, or returned.
    ///
    /// # Errors
    /// What the database says.
    pub fn execute(self) -> Result<u64, Error> {
        Ok(self.run()?.count)
    }

    pub(super) fn request(self) -> Result<Request, Error> {
        Ok(Request { sql: self.sql, params: self.params.checked()?, catch: self.catch })
    }
}

/// What a statement gave.
#[derive(Debug, Deserialize)]
pub struct Rows {
    #[serde(default)]
    rows: Vec<Box<RawValue>>,
    #[serde(default)]
    columns: Vec<String>,
    #[serde(rename = "row_count")]
    count: u64,
}

impl Rows {
    /// The rows as a type of your own: a struct or map by the names of columns, a tuple by their order, a value of one column.
    ///
    /// # Errors
    /// 42804 when a row does not fit; the message names row and column.
    pub fn read<T: DeserializeOwned>(&self) -> Result<Vec<T>, Error> {
        self.rows.iter().zip(1..).map(|(text, number)| row::read(number, text)).collect()
    }

    /// Names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// How many rows were changed, or returned.
    pub fn count(&self) -> u64 {
        self.count
    }
}
