//! Connecting when an address names several servers: whoever is first to say that it is the one wanted is taken.
//!
//! The driver by itself asks one after another, and waits for one that says nothing (its machine is gone, or stands still)
//! for as long as the whole attempt may take: the others would never be asked. Here a silent one only costs a second.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::time::Duration;

use deadpool_postgres::Connect;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, LoadBalanceHosts};
use tokio_postgres::{Client, Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

/// After a server has said nothing for so long the next one is asked as well.
const SILENCE: Duration = Duration::from_secs(1);

type Connected = Result<(Client, JoinHandle<()>), Error>;

/// The servers of one address.
pub(crate) struct Servers {
    /// An address for each.
    each: Vec<Config>,
    is_shuffled: bool,
    tls: MakeRustlsConnect,
}

impl Servers {
    pub(crate) fn of(config: &Config, tls: MakeRustlsConnect) -> Self {
        let count = config.get_hosts().len().max(config.get_hostaddrs().len());
        // What cannot be told apart is left to the driver, and so is the complaint about it.
        let is_told_apart = count > 1
            && [config.get_hosts().len(), config.get_hostaddrs().len()].iter().all(|one| [0, count].contains(one))
            && [0, 1, count].contains(&config.get_ports().len());
        let each = if is_told_apart { (0..count).map(|at| one_of(config, at)).collect() } else { vec![config.clone()] };
        Self { each, is_shuffled: config.get_load_balance_hosts() == LoadBalanceHosts::Random, tls }
    }

    /// In the order in which they are asked.
    fn in_turn(&self) -> Vec<Config> {
        let mut each = self.each.clone();
        if self.is_shuffled {
            let random = RandomState::new();
            let mut places: Vec<(u64, Config)> =
                each.into_iter().enumerate().map(|(at, config)| (random.hash_one(at), config)).collect();
            places.sort_by_key(|(place, _)| *place);
            each = places.into_iter().map(|(_, config)| config).collect();
        }
        each
    }
}

/// The address of the server at this place. All that the driver can be told but hosts and ports is the same.
fn one_of(config: &Config, at: usize) -> Config {
    let mut one = Config::new();
    if let Some(user) = config.get_user() {
        one.user(user);
    }
    if let Some(password) = config.get_password() {
        one.password(password);
    }
    if let Some(name) = config.get_dbname() {
        one.dbname(name);
    }
    if let Some(options) = config.get_options() {
        one.options(options);
    }
    if let Some(name) = config.get_application_name() {
        one.application_name(name);
    }
    match config.get_hosts().get(at) {
        Some(Host::Tcp(host)) => {
            one.host(host);
        }
        Some(Host::Unix(folder)) => {
            one.host_path(folder);
        }
        None => {}
    }
    if let Some(address) = config.get_hostaddrs().get(at) {
        one.hostaddr(*address);
    }
    if let Some(port) = config.get_ports().get(at).or_else(|| config.get_ports().first()) {
        one.port(*port);
    }
    if let Some(timeout) = config.get_connect_timeout() {
        one.connect_timeout(*timeout);
    }
    if let Some(timeout) = config.get_tcp_user_timeout() {
        one.tcp_user_timeout(*timeout);
    }
    if let Some(interval) = config.get_keepalives_interval() {
        one.keepalives_interval(interval);
    }
    if let Some(retries) = config.get_keepalives_retries() {
        one.keepalives_retries(retries);
    }
    one.keepalives(config.get_keepalives()).keepalives_idle(config.get_keepalives_idle());
    one.ssl_mode(config.get_ssl_mode()).ssl_negotiation(config.get_ssl_negotiation());
    one.channel_binding(config.get_channel_binding()).target_session_attrs(config.get_target_session_attrs());
    one.load_balance_hosts(config.get_load_balance_hosts());
    one
}

impl Connect for Servers {
    fn connect(&self, _: &Config) -> Pin<Box<dyn Future<Output = Connected> + Send + '_>> {
        Box::pin(first_of(self.in_turn(), &self.tls))
    }
}

/// The first that can be used, or why the last could not.
async fn first_of(servers: Vec<Config>, tls: &MakeRustlsConnect) -> Connected {
    let mut waiting = servers.into_iter();
    let mut asked = FuturesUnordered::new();
    asked.extend(waiting.next().map(|server| ask(server, tls.clone())));
    loop {
        let outcome = tokio::select! {
            outcome = asked.next() => outcome,
            () = tokio::time::sleep(SILENCE), if waiting.len() > 0 => None,
        };
        match (outcome, waiting.next()) {
            (Some(Ok(connected)), _) => return Ok(connected),
            (Some(Err(error)), None) if asked.is_empty() => return Err(error),
            (_, next) => asked.extend(next.map(|server| ask(server, tls.clone()))),
        }
    }
}

async fn ask(server: Config, tls: MakeRustlsConnect) -> Connected {
    let (client, connection) = server.connect(tls).await?;
    let task = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended");
        }
    });
    Ok((client, task))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_has_an_address_with_all_that_was_said() {
        let text = "host=a,b port=1,2 user=u password=p dbname=d target_session_attrs=read-write connect_timeout=3 \
                    options=-cwork_mem=1MB application_name=n tcp_user_timeout=4 keepalives_idle=5 sslmode=require";
        let each = |text: &str| {
            let config: Config = text.parse().expect("an address");
            (0..config.get_hosts().len()).map(|at| one_of(&config, at)).collect::<Vec<_>>()
        };
        let alone = |host: &str, port: &str| -> Config {
            text.replace("host=a,b", &format!("host={host}"))
                .replace("port=1,2", &format!("port={port}"))
                .parse()
                .expect("one")
        };
        assert_eq!(each(text), [alone("a", "1"), alone("b", "2")]);
        let one_port = each(&text.replace("port=1,2", "port=7"));
        assert_eq!(one_port, [alone("a", "7"), alone("b", "7")]);
    }
}
