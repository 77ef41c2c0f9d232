//! One connection, and where the extension is on its other end.

use postgres::{Client, Transaction};
use serde_json::Value;

use super::address::Address;
use super::{error, tls};
use crate::problem::{Exit, Problem, Result};

/// A connection to a database that has the extension.
pub(crate) struct Database {
    /// The driver's.
    pub(crate) client: Client,
    /// Schema of the `fn_*` functions, quoted.
    pub(crate) schema: String,
    /// What it is called in messages.
    pub(crate) name: String,
}

/// Connects to a database and finds the extension there.
///
/// # Errors
/// No server, no entry, no extension.
pub(crate) fn connect(address: &Address) -> Result<Database> {
    let mut client = open(address)?;
    let found = client
        .query_opt(
            "SELECT quote_ident(n.nspname) FROM pg_catalog.pg_extension e
               JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'alyx_functions'",
            &[],
        )
        .map_err(|error| error::problem("cannot look for the extension", &error))?;
    let name = address.describe();
    match found {
        Some(row) => Ok(Database { schema: row.get(0), client, name }),
        None => Err(absent(&mut client, &name)),
    }
}

/// Connects to a database, whatever is in it.
///
/// # Errors
/// No server or no entry.
pub(crate) fn open(address: &Address) -> Result<Client> {
    let connector = tls::connector(address)?;
    postgres::Config::from(address.config.clone()).connect(connector).map_err(|error| refused(address, &error))
}

fn refused(address: &Address, error: &postgres::Error) -> Problem {
    let mut problem = error::problem(format!("cannot connect to {}", address.describe()), error);
    problem.exit = Exit::Unreachable;
    let advice = match problem.sqlstate.as_deref() {
        Some("28P01" | "28000") => "Check user and password in DATABASE_URL or --database-url, and pg_hba.conf.",
        Some("3D000") => "Create the database, or name another one in DATABASE_URL.",
        Some("53300") => "Wait until a connection is free, or raise max_connections.",
        Some(_) => "Look at the server's log.",
        None if problem.why.iter().any(|reason| reason.contains("password")) => {
            "Give the password in DATABASE_URL or --database-url: postgres://user:password@host/database."
        }
        None if problem.why.iter().any(|reason| reason.contains("does not support TLS")) => {
            "Write sslmode=disable into the address if the way to the server is safe, or turn on ssl in the server."
        }
        None if problem.why.iter().any(|reason| reason.contains("certificate")) => {
            "Give the authority with sslrootcert=<file>, or check the host's name; sslmode=require asks for no proof."
        }
        None => "Start the server, or correct DATABASE_URL or --database-url. \"alyx dev\" without one starts its own.",
    };
    problem.next(advice)
}

fn absent(client: &mut Client, name: &str) -> Problem {
    let sql = "SELECT 1 FROM pg_catalog.pg_available_extensions WHERE name = 'alyx_functions'";
    let available = client.query_opt(sql, &[]).is_ok_and(|row| row.is_some());
    let problem = Problem::new(Exit::Refused, format!("{name} does not have the extension alyx_functions"));
    if available {
        problem
            .why("it is on the server, but was not created in this database")
            .next("Run there: CREATE EXTENSION alyx_functions;")
    } else {
        problem
            .why("the server has no such extension")
            .next("Install alyx_functions on the server, then run there: CREATE EXTENSION alyx_functions;")
    }
}

impl Database {
    /// The rows of a query as a JSON array of objects.
    ///
    /// # Errors
    /// The database refuses it; `what` says what was wanted.
    pub(crate) fn rows(
        &mut self,
        what: &str,
        sql: &str,
        params: &[&(dyn postgres::types::ToSql + Sync)],
    ) -> Result<Vec<Value>> {
        let sql = format!("SELECT pg_catalog.to_jsonb(t)::text FROM ({sql}) t");
        let rows = self.client.query(&sql, params).map_err(|error| error::problem(what, &error))?;
        rows.iter()
            .map(|row| serde_json::from_str(row.get(0)).map_err(|error| Problem::failed(what).why(error)))
            .collect()
    }

    /// One statement with one value as answer.
    ///
    /// # Errors
    /// The database refuses it.
    pub(crate) fn value<T: postgres::types::FromSqlOwned>(
        &mut self,
        what: &str,
        sql: &str,
        params: &[&(dyn postgres::types::ToSql + Sync)],
    ) -> Result<T> {
        let row = self.client.query_one(sql, params).map_err(|error| error::problem(what, &error))?;
        row.try_get(0).map_err(|error| error::problem(what, &error))
    }

    /// Does something in one transaction: kept when it succeeds, undone when it does not.
    ///
    /// # Errors
    /// Those of the work, and a commit that fails.
    pub(crate) fn transaction<T>(&mut self, work: impl FnOnce(&mut Transaction<'_>, &str) -> Result<T>) -> Result<T> {
        let what = "cannot work in a transaction";
        let mut transaction = self.client.transaction().map_err(|error| error::problem(what, &error))?;
        let done = work(&mut transaction, &self.schema)?;
        transaction.commit().map_err(|error| error::problem("the commit failed: nothing was changed", &error))?;
        Ok(done)
    }
}
