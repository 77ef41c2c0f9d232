//! `alyx dev`: the arguments; the work is in `crate::dev`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::given_address;
use crate::cli::{Folders, Global};
use crate::database;
use crate::dev;
use crate::problem::{Problem, Result};
use crate::server::Private;
use crate::terminal::{FAINT, Spinner, Terminal, paint};

/// Watch function folders: build what changes, deploy what was built, show logs
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alyx dev\n  alyx dev functions --psql\n  DATABASE_URL=postgres://localhost/app alyx dev\n\n\
Without DATABASE_URL it starts a PostgreSQL of its own, kept in .alyx/ and stopped at the end. A build or deploy that\n\
fails leaves the version before in place. Ctrl-C ends it."
)]
pub(crate) struct Dev {
    #[command(flatten)]
    folders: Folders,
    /// Folder of initdb and pg_ctl for the private server [default: PG_CONFIG, PATH, /usr/lib/postgresql]
    #[arg(long, value_name = "DIR")]
    pg_bin: Option<PathBuf>,
    /// Start a private server although DATABASE_URL is set
    #[arg(long)]
    private: bool,
    /// Start the private server, print how to open psql on it, and watch nothing
    #[arg(long)]
    psql: bool,
    /// Do not show the functions' logs
    #[arg(long)]
    no_logs: bool,
}

/// Finds or starts the server and watches until it is told to stop.
pub(crate) fn run(args: &Dev, global: &Global, terminal: &Terminal) -> Result<()> {
    let dirs = if args.folders.dirs.is_empty() { vec![PathBuf::from(".")] } else { args.folders.dirs.clone() };
    for dir in &dirs {
        if !dir.is_dir() {
            return Err(Problem::usage(format!("{} is not a folder", dir.display()))
                .next("Name the folder that holds the functions."));
        }
    }
    let given = if args.private { None } else { given_address(global)? };
    let (address, server) = match given {
        Some(address) => {
            database::connect(&address)?;
            (address, None)
        }
        None => {
            let server = start(args, terminal)?;
            let address = server.address().inspect_err(|_| server.stop())?;
            (address, Some(server))
        }
    };
    let options = dev::Options { dirs, address, server: server.clone(), logs: !args.no_logs, watch: !args.psql };
    let result = dev::run(&options, terminal);
    if let Some(server) = server {
        server.stop();
    }
    result
}

fn start(args: &Dev, terminal: &Terminal) -> Result<Private> {
    let spinner = Spinner::start("starting a private PostgreSQL");
    let (server, remarks) = Private::start(Path::new("."), args.pg_bin.as_deref())?;
    drop(spinner);
    remarks.iter().for_each(|remark| terminal.note(paint(FAINT, remark)));
    let (psql, url) = server.hints();
    terminal.event(&json!({"event": "server", "psql": psql, "url": url}));
    terminal.line(format!("private PostgreSQL in .alyx/postgres\n  {psql}\n  {url}"));
    Ok(server)
}
