//! `alyx serve`: the HTTP gateway. Settings are collected here; the gateway itself is crates/gateway.

use std::path::PathBuf;

use alyx_gateway::{Options, Target};
use clap::Args;

use crate::cli::Global;
use crate::commands::address;
use crate::database::{Address, connector};
use crate::problem::{Problem, Result};

const EXAMPLES: &str = "\
Settings come from flags, else from the environment, else from the file of --config (TOML, the flags' names without
their dashes in front). DATABASE_URL names the role that the gateway logs in as: it must be able to SET ROLE to the
roles that tokens name, and should have no rights of its own (PostgREST's \"authenticator\").

Examples:
  alyx serve --jwt-secret \"$JWT_SECRET\" --anonymous-role anon
  alyx serve --jwks https://id.example.com/.well-known/jwks.json --jwt-audience app --listen 0.0.0.0:8443 \\
             --tls-cert cert.pem --tls-key key.pem
  alyx serve --config gateway.toml";

/// Serve functions, webhooks and the admin page over HTTP
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Serve {
    /// File with settings
    #[arg(long, env = "ALYX_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    options: Options,
}

/// Serves until it is told to end.
pub(crate) fn run(args: &Serve, global: &Global) -> Result<()> {
    let file = match &args.config {
        Some(path) => Options::read(path)
            .map_err(|error| Problem::usage(format!("cannot use the settings in {}", path.display())).why(error))?,
        None => Options::default(),
    };
    let settings = args.options.clone().or(file).settle().map_err(|error| {
        Problem::usage("the settings cannot be used").why(error).next("\"alyx serve --help\" lists all of them.")
    })?;
    let target = target(&address(global)?)?;
    let replica = settings.read_database_url.as_deref().map(Address::parse).transpose()?;
    let replica = replica.as_ref().map(self::target).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem::failed("cannot start").why(error))?;
    let served = runtime.block_on(alyx_gateway::serve(settings, target, replica));
    // What waits for a thread of its own (a name to be resolved, say) is not waited for.
    runtime.shutdown_background();
    served.map_err(|error| Problem::failed("the gateway ended").why(error))
}

fn target(address: &Address) -> Result<Target> {
    Ok(Target { config: address.config.clone(), tls: connector(address)?, name: address.describe() })
}
