//! What every system test needs: a database of its own, sessions that report errors whole, guests assembled from text.
//!
//! The tests know the extension only through SQL, as a user does; nothing here may import it or its crates. They need a
//! running server, named by the `ALYX_TEST_*` variables which `cargo xtask test` sets (see [`server`]).

mod authority;
mod check;
mod cluster;
mod database;
mod guest;
mod names;
mod refusal;
mod server;
mod session;
mod web;

pub use authority::Authority;
pub use check::Check;
pub use cluster::Cluster;
pub use database::Db;
pub use guest::{assemble, guest};
pub use names::{Answer, Names, Question};
pub use refusal::Refusal;
pub use server::{Server, command_line, guests_folder, run_as_server_user};
pub use session::{Deployed, Session, literal, processor_time_of};
pub use web::{Reply, Request, Web};

use std::time::{Duration, Instant};

/// Waits until `condition` holds, for at most ten seconds; panics with `what` when it never does.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "waited ten seconds in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
