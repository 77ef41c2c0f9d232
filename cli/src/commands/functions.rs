//! `alyx functions`: what is deployed.

use clap::Args;

use super::{connected, show};
use crate::cli::Global;
use crate::problem::Result;
use crate::terminal::Terminal;

/// List the functions that this role owns
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  alyx functions\n  alyx functions --json")]
pub(crate) struct Functions {}

/// Reads the view.
pub(crate) fn run(_: &Functions, global: &Global, terminal: &Terminal) -> Result<()> {
    let sql = "SELECT f.name, f.version, f.schema, f.owner, f.export, f.sha256, f.module_bytes,
                      f.paused, f.deployed_by, f.deployed_at,
                      (SELECT count(*) FROM alyx.hooks h WHERE h.function = f.name) AS hooks
                 FROM alyx.functions f ORDER BY f.name";
    let rows = connected(global)?.rows("cannot list the functions", sql, &[])?;
    let columns = [
        ("NAME", "name"),
        ("VERSION", "version"),
        ("SCHEMA", "schema"),
        ("OWNER", "owner"),
        ("MODULE", "sha256:12"),
        ("BYTES", "module_bytes"),
        ("HOOKS", "hooks"),
        ("PAUSED", "paused"),
        ("DEPLOYED", "deployed_at:16"),
    ];
    show::rows(terminal, &columns, &rows, "no functions: \"alyx deploy\" brings some");
    Ok(())
}
