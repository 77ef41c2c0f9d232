//! `alyx dev`. Threads send events, one loop decides: `doorbell` tells that files changed, `scan` finds out which,
//! `unit` what that means for a function, `hear` what each event does, `builder` runs one build at a time, `deployer` talks to the database and waits
//! for it when it is away, `tail` reads logs. None but the loop has state that another needs.

mod builder;
mod deployer;
mod doorbell;
mod event;
mod hear;
mod run;
mod scan;
mod tail;
mod unit;

pub(crate) use run::{Options, run};
pub(crate) use unit::newer_source;
