//! The soak: a crowd of clients, good and hostile, for minutes on a server of their own, and then a look at what they
//! left: memory, files, locks, processes, jobs, counters, indexes, the server's log.
//!
//! Started by `cargo xtask soak [--minutes 10] [--clients 100] [--report FILE]`; no part of `cargo xtask test`. It knows
//! the extension only through SQL, and its processes through /proc.

mod calls;
mod changes;
mod crowd;
mod dice;
mod havoc;
mod jobs;
mod keep;
mod ledger;
mod memory;
mod plan;
mod report;
mod stage;
mod trend;
mod verdict;
mod watch;
mod web;

use ledger::Ledger;
use plan::Plan;
use stage::Stage;
use std::process::ExitCode;

fn main() -> ExitCode {
    let plan = match Plan::of(std::env::args().skip(1)) {
        Ok(plan) => plan,
        Err(complaint) => {
            eprintln!("{complaint}");
            return ExitCode::FAILURE;
        }
    };
    let load_before = watch::machine_load();
    let stage = Stage::set_up(&plan);
    let ledger = Ledger::default();
    let run = crowd::perform(&stage, &plan, &ledger);
    let checks = verdict::checks(stage, &plan, &ledger, &run);
    let text = report::write(&plan, &ledger, &run, &checks, &load_before);
    println!("{text}");
    if let Some(path) = &plan.report {
        std::fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let _ = std::fs::write(path.with_extension("csv"), report::samples(&run));
    }
    if checks.iter().all(|check| check.holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
