//! What the clients did and how it ended: counted on their side, to be compared with what the server counted.

use alyx_tests::Refusal;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often calls of one function were made.
#[derive(Default, Clone, Copy)]
pub struct Calls {
    /// Calls that reached the function.
    pub certain: u64,
    /// Calls whose statement was stopped from outside, before, in or after the function.
    pub doubtful: u64,
}

/// How one action went, over all clients.
#[derive(Default, Clone)]
pub struct Tally {
    /// How often by SQLSTATE; `00000` is success.
    pub endings: BTreeMap<String, u64>,
    /// The longest.
    pub longest: Duration,
}

#[derive(Default)]
struct Pages {
    actions: BTreeMap<&'static str, Tally>,
    calls: BTreeMap<&'static str, Calls>,
    surprises: BTreeMap<String, u64>,
}

/// The books of all clients.
#[derive(Default)]
pub struct Ledger(Mutex<Pages>);

/// Whether a statement ended because somebody else wanted it to.
pub fn is_from_outside(refusal: &Refusal) -> bool {
    refusal.code == "57P01"
        || refusal.code == "closed"
        || refusal.code == "57014" && refusal.says("canceling statement due to")
}

impl Ledger {
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes one action.
    pub fn note(&self, action: &'static str, ending: Option<&Refusal>, took: Duration) {
        let mut pages = self.pages();
        let tally = pages.actions.entry(action).or_default();
        let code = ending.map_or("00000", |refusal| refusal.code.as_str());
        *tally.endings.entry(code.to_owned()).or_default() += 1;
        tally.longest = tally.longest.max(took);
    }

    /// Notes one call of a function that is called in this way only.
    pub fn call(&self, function: &'static str, ending: Option<&Refusal>) {
        let mut pages = self.pages();
        let calls = pages.calls.entry(function).or_default();
        match ending {
            Some(refusal) if is_from_outside(refusal) => calls.doubtful += 1,
            _ => calls.certain += 1,
        }
    }

    /// Notes an error that the action should never have met.
    pub fn surprise(&self, action: &'static str, refusal: &Refusal) {
        let text = refusal.to_string();
        let shown: String = text.chars().take(600).collect();
        *self.pages().surprises.entry(format!("{action}: {shown}")).or_default() += 1;
    }

    /// All actions so far.
    pub fn actions(&self) -> BTreeMap<&'static str, Tally> {
        self.pages().actions.clone()
    }

    /// All counted functions so far.
    pub fn calls(&self) -> BTreeMap<&'static str, Calls> {
        self.pages().calls.clone()
    }

    /// All surprises so far, and how often.
    pub fn surprises(&self) -> BTreeMap<String, u64> {
        self.pages().surprises.clone()
    }
}
