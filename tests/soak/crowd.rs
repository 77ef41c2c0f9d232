//! The clients: who they are, what they do in turn, when they leave.

use crate::dice::Dice;
use crate::ledger::{Ledger, is_from_outside};
use crate::plan::Plan;
use crate::stage::{CALLERS, OWNER, Stage};
use crate::watch::{self, Kind, Sample};
use crate::{calls, changes, havoc, jobs, keep, web};
use alyx_tests::{Refusal, Session};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long clients may take to end what they are doing when it is time to leave.
const LEAVING: Duration = Duration::from_secs(60);
const BETWEEN_SAMPLES: Duration = Duration::from_secs(2);

/// Clients that stay are told from those that come and go by the name of their session.
pub const STEADY: &str = "soak steady";
/// The other name.
pub const VISITOR: &str = "soak visitor";

/// One thing that a client does.
pub struct Action {
    /// What it is called in the report.
    pub name: &'static str,
    /// How often it is chosen, among the others of its list.
    pub weight: u64,
    /// SQLSTATEs that it may end with; success is always among them, an end from outside, too.
    pub endings: &'static [&'static str],
    /// Does it.
    pub run: fn(&mut Visit<'_>) -> Result<(), Refusal>,
}

/// A client with its connection.
pub struct Visit<'a> {
    /// Where it is.
    pub stage: &'a Stage,
    /// Its connection.
    pub session: Session,
    /// Its chance.
    pub dice: Dice,
    /// Books of all.
    pub ledger: &'a Ledger,
    /// Number of the client.
    pub client: usize,
    /// Actions so far, for names that are used once.
    pub turn: u64,
}

impl Visit<'_> {
    /// Runs a statement that calls `function` once, which nothing else calls.
    pub fn call(&mut self, function: &'static str, sql: &str) -> Result<String, Refusal> {
        let answer = self.session.attempt(sql);
        self.ledger.call(function, answer.as_ref().err());
        answer.map(|rows| rows.join("\n"))
    }
}

/// An error of our own making: the server answered, but not what it should have.
pub fn wrong(answer: impl std::fmt::Display) -> Refusal {
    Refusal { code: "wrong".to_owned(), message: format!("wrong answer: {answer}"), ..Refusal::default() }
}

/// What was seen during a run.
pub struct Run {
    /// Processes, every few seconds.
    pub samples: Vec<Sample>,
    /// Load averages during the run, as the machine tells them.
    pub load: String,
    /// Clients that did not end what they were doing: what that was.
    pub stuck: Vec<String>,
    /// When the last client had left.
    pub left_at: Instant,
}

impl Run {
    /// Process ids of launcher and manager when the watch began.
    pub fn processes_at_first(&self) -> String {
        let first =
            |kind: Kind| self.samples.iter().find(|sample| sample.kind == kind).map(|sample| sample.pid.to_string());
        [Kind::Launcher, Kind::Manager].into_iter().filter_map(first).collect::<Vec<_>>().join(" ")
    }
}

/// What kind of client it is.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    /// Keeps its connection to the end: what grows in it is a leak.
    Steady,
    /// Comes and goes.
    Visitor,
    /// Deploys, rolls back, drops.
    Deployer,
    /// Makes jobs in masses, cancels, replays.
    Operator,
    /// Cancels and terminates others.
    Killer,
}

impl Part {
    fn of(client: usize) -> Part {
        match client % 20 {
            0..=3 => Part::Steady,
            4 => Part::Deployer,
            5 | 6 => Part::Operator,
            7 if client < 40 => Part::Killer,
            _ => Part::Visitor,
        }
    }

    fn actions(self) -> &'static [&'static [Action]] {
        match self {
            Part::Steady | Part::Visitor => &[calls::ACTIONS, web::ACTIONS, keep::ACTIONS],
            Part::Deployer => &[changes::ACTIONS],
            Part::Operator => &[jobs::ACTIONS],
            Part::Killer => &[havoc::ACTIONS],
        }
    }

    /// Longest pause between two actions.
    fn pause_ms(self) -> u64 {
        match self {
            Part::Steady => 100,
            Part::Visitor | Part::Operator => 400,
            Part::Deployer => 600,
            Part::Killer => 500,
        }
    }

    fn session(self, stage: &Stage, dice: &mut Dice) -> Result<Session, Refusal> {
        match self {
            Part::Steady => stage.full_session(dice.pick(&CALLERS), STEADY),
            Part::Visitor => stage.session(dice.pick(&CALLERS), VISITOR),
            Part::Deployer | Part::Operator => stage.session(OWNER, VISITOR),
            Part::Killer => stage.session("postgres", "soak killer"),
        }
    }
}

/// Lets the crowd in, waits, and sees it out.
pub fn perform(stage: &Stage, plan: &Plan, ledger: &Ledger) -> Run {
    let is_over = AtomicBool::new(false);
    let doing: Vec<Mutex<&'static str>> = (0..plan.clients).map(|_| Mutex::new("")).collect();
    let is_over = &is_over;
    thread::scope(|scope| {
        let watcher = scope.spawn(|| watch::until(stage, is_over, BETWEEN_SAMPLES));
        let clients: Vec<_> = doing
            .iter()
            .enumerate()
            .map(|(client, doing)| scope.spawn(move || live(stage, ledger, is_over, client, doing)))
            .collect();
        thread::sleep(plan.duration);
        is_over.store(true, Ordering::Relaxed);
        let have_left = |wait: Duration| {
            let deadline = Instant::now() + wait;
            while Instant::now() < deadline && clients.iter().any(|client| !client.is_finished()) {
                thread::sleep(Duration::from_millis(50));
            }
            clients.iter().all(|client| client.is_finished())
        };
        let mut stuck = Vec::new();
        if !have_left(LEAVING) {
            let still = doing.iter().zip(&clients).filter(|(_, client)| !client.is_finished());
            stuck =
                still.map(|(doing, _)| (*doing.lock().unwrap_or_else(PoisonError::into_inner)).to_owned()).collect();
            // The report must be written all the same.
            havoc::terminate_all(stage);
            if !have_left(Duration::from_secs(10)) {
                stage.crash();
            }
        }
        let left_at = Instant::now();
        let (samples, load) = watcher.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Run { samples, load, stuck, left_at }
    })
}

/// One client from its first connection to its last.
fn live(stage: &Stage, ledger: &Ledger, is_over: &AtomicBool, client: usize, doing: &Mutex<&'static str>) {
    let part = Part::of(client);
    let mut visit = None;
    let mut dice = Dice::new(client);
    let mut turn = 0;
    while !is_over.load(Ordering::Relaxed) {
        let Some(mut present) = visit.take() else {
            let began = Instant::now();
            let session = part.session(stage, &mut dice);
            ledger.note("connect", session.as_ref().err(), began.elapsed());
            match session {
                Ok(session) => {
                    let dice = Dice::new(client + 1000 * (1 + dice.below(1000) as usize));
                    visit = Some(Visit { stage, session, dice, ledger, client, turn });
                }
                Err(refusal) => {
                    if !is_from_outside(&refusal) {
                        ledger.surprise("connect", &refusal);
                    }
                    thread::sleep(Duration::from_millis(100));
                }
            }
            continue;
        };
        let action = choose(part.actions(), &mut present.dice);
        *doing.lock().unwrap_or_else(PoisonError::into_inner) = action.name;
        let stays = act(&mut present, action, part);
        turn = present.turn;
        let leaves = part == Part::Visitor && present.dice.below(20) == 0;
        thread::sleep(Duration::from_millis(present.dice.below(part.pause_ms())));
        visit = (stays && !leaves).then_some(present);
    }
}

fn choose(lists: &'static [&'static [Action]], dice: &mut Dice) -> &'static Action {
    let actions = || lists.iter().copied().flatten();
    let mut left = dice.below(actions().map(|action| action.weight).sum());
    let chosen = actions().find(|action| {
        let is_it = left < action.weight;
        left = left.saturating_sub(action.weight);
        is_it
    });
    chosen.expect("the weights were added up")
}

/// Does one thing, and says whether the connection is still there.
fn act(visit: &mut Visit<'_>, action: &'static Action, part: Part) -> bool {
    let began = Instant::now();
    let ending = (action.run)(visit).err();
    visit.ledger.note(action.name, ending.as_ref(), began.elapsed());
    visit.turn += 1;
    let Some(refusal) = ending else { return true };
    let is_gone = refusal.severity == "FATAL" || refusal.code == "closed";
    // Nobody terminates those that stay.
    let is_expected = is_from_outside(&refusal) && (!is_gone || part != Part::Steady);
    if !is_expected && !action.endings.contains(&refusal.code.as_str()) {
        visit.ledger.surprise(action.name, &refusal);
    }
    if is_gone {
        return false;
    }
    match visit.session.attempt("ROLLBACK") {
        Ok(_) => true,
        Err(refusal) if is_from_outside(&refusal) => refusal.severity != "FATAL" && refusal.code != "closed",
        Err(refusal) => {
            visit.ledger.surprise("rollback", &refusal);
            false
        }
    }
}
