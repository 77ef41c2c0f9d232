//! Failover: three servers under Patroni, two gateways, a crowd that makes jobs, schedules that fire each second; and the
//! primary is lost, again and again. What was acknowledged must be done once, and everything must go on by itself.
//!
//! Started by `cargo xtask failover [--losses killed,frozen,woken,switched] [--clients 4] [--report FILE]`; no part of
//! `cargo xtask test`: it takes Debian's patroni and etcd-server, and minutes. docs/failover.md tells of it.

// Clients and gateways as the tests of the gateway know them, who use more of it.
#[allow(dead_code, reason = "tests/gateway uses all of it")]
#[path = "../gateway/client.rs"]
mod client;
#[allow(dead_code, reason = "tests/gateway uses all of it")]
#[path = "../gateway/house.rs"]
mod house;
mod load;
mod nodes;
mod plan;
mod stage;
mod story;
mod verdict;

use nodes::Nodes;
use plan::Plan;
use std::process::ExitCode;

fn main() -> ExitCode {
    let plan = match Plan::of(std::env::args().skip(1)) {
        Ok(plan) => plan,
        Err(complaint) => {
            eprintln!("{complaint}");
            return ExitCode::FAILURE;
        }
    };
    end_in_time(&plan);
    let mut nodes = Nodes::start(plan.first_port);
    let mut run = story::perform(&plan, &mut nodes);
    let mut checks = std::mem::take(&mut run.checks);
    checks.extend(verdict::checks(&nodes, &run));
    let text = verdict::report(&nodes, &run, &checks);
    println!("{text}");
    if let Some(path) = &plan.report {
        std::fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    if checks.iter().all(|check| check.holds) {
        return ExitCode::SUCCESS;
    }
    eprintln!("data and logs are kept in {}", nodes.keep().display());
    ExitCode::FAILURE
}

/// Ends this process when a run takes too long, and so the servers: somebody waits for their pipe to close.
fn end_in_time(plan: &Plan) {
    let longest = plan.longest();
    std::thread::spawn(move || {
        std::thread::sleep(longest);
        eprintln!("the run took longer than {} s and was ended", longest.as_secs());
        std::process::exit(1);
    });
}
