//! One file for each command, and what they share: the database's address.

pub(crate) mod build;
pub(crate) mod completions;
pub(crate) mod deploy;
pub(crate) mod dev;
pub(crate) mod doctor;
pub(crate) mod functions;
pub(crate) mod invoke;
pub(crate) mod jobs;
pub(crate) mod logs;
pub(crate) mod new;
pub(crate) mod plan;
pub(crate) mod replay;
pub(crate) mod rollback;
pub(crate) mod serve;
pub(crate) mod show;
pub(crate) mod stats;
pub(crate) mod types;
pub(crate) mod typescript;
pub(crate) mod versions;

use crate::cli::{Cli, Command, Global};
use crate::database::{self, Address, Database};
use crate::problem::{Exit, Problem, Result};
use crate::project::Environment;
use crate::terminal::Terminal;

/// Does what the arguments ask for.
///
/// # Errors
/// It failed.
pub(crate) fn run(cli: &Cli, terminal: &Terminal) -> Result<()> {
    let global = &cli.global;
    match &cli.command {
        Command::New(args) => new::run(args, terminal),
        Command::Build(args) => build::run(args, terminal),
        Command::Deploy(args) => deploy::run(args, global, terminal),
        Command::Dev(args) => dev::run(args, global, terminal),
        Command::Invoke(args) => invoke::run(args, global, terminal),
        Command::Logs(args) => logs::run(args, global, terminal),
        Command::Stats(args) => stats::run(args, global, terminal),
        Command::Functions(args) => functions::run(args, global, terminal),
        Command::Versions(args) => versions::run(args, global, terminal),
        Command::Rollback(args) => rollback::run(args, global, terminal),
        Command::Jobs(args) => jobs::run(args, global, terminal),
        Command::Replay(args) => replay::run(args, global, terminal),
        Command::Serve(args) => serve::run(args, global),
        Command::Types(args) => types::run(args, global, terminal),
        Command::Doctor(args) => doctor::run(args, global, terminal),
        Command::Completions(args) => completions::run(args, terminal),
    }
}

/// The address from the option, the environment or `.env`, when one is given.
pub(crate) fn given_address(global: &Global) -> Result<Option<Address>> {
    let filled = |text: &String| !text.trim().is_empty();
    let given = match global.database_url.clone().filter(filled) {
        Some(text) => Some(text),
        None => Environment::load()?.get("DATABASE_URL").filter(filled),
    };
    given.map(|text| Address::parse(&text)).transpose()
}

/// The address, or how to give one. A server that `alyx dev` keeps in this folder, and that runs, needs no address.
pub(crate) fn address(global: &Global) -> Result<Address> {
    if let Some(address) = given_address(global)? {
        return Ok(address);
    }
    let here = std::path::Path::new(".");
    crate::server::running(here).ok_or_else(|| {
        Problem::new(Exit::Usage, "no database is given")
            .why("there is neither --database-url nor DATABASE_URL, in the environment or in .env")
            .next(
                "Write DATABASE_URL=postgres://user:password@host:5432/database into .env, or start \"alyx dev\" here.",
            )
    })
}

/// A connection to the database that the options name.
pub(crate) fn connected(global: &Global) -> Result<Database> {
    database::connect(&address(global)?)
}
