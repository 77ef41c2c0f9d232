//! The launcher: one process of the server, connected to no database, that keeps a manager in each database that has
//! the extension.
//!
//! Whether a database has it, only a process in that database can see: so a manager is started in each once, and ends at
//! once where there is nothing to manage. CREATE EXTENSION and the end of a DROP that failed poke the launcher.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::pg::backend::{Level, report};
use crate::pg::background::{self, Child, ChildState, Start, wait};
use crate::pg::wait_event::WaitEvent;
use crate::pg::{PgError, transaction};
use crate::queue::{self, Database};

crate::process!(alyx_launcher_main, run);

/// How often databases are counted again.
const RESCAN: Duration = Duration::from_secs(60);
/// A manager that failed is started again after a second, doubled each time up to a minute.
const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(60);
/// How long the next database waits when enough are being looked into.
const TURN: Duration = Duration::from_millis(100);
/// Databases that are looked into at once.
const LOOKS: usize = 2;

/// Asks the postmaster to run the launcher. While preloading.
pub(super) fn define() {
    background::start_with_server(&Start {
        symbol: "alyx_launcher_main",
        r#type: "alyx launcher",
        name: "alyx launcher",
        argument: 0,
    });
}

/// What the launcher knows of one database.
struct Post {
    child: Option<Child>,
    began: Instant,
    /// Whether a manager is wanted whatever became of the last: the database is new, or somebody poked.
    is_poked: bool,
    /// When the manager that failed is started again.
    due: Option<Instant>,
    delay: Duration,
}

impl Post {
    fn new() -> Self {
        Self { child: None, began: Instant::now(), is_poked: true, due: None, delay: FIRST_DELAY }
    }

    fn is_running(&self) -> bool {
        self.child.is_some()
    }

    fn wants_manager(&self, now: Instant) -> bool {
        !self.is_running() && (self.is_poked && self.due.is_none() || self.due.is_some_and(|due| due <= now))
    }
}

fn run(_argument: u64) -> Result<(), PgError> {
    background::end_on_request();
    background::connect(0)?;
    background::waits_for(WaitEvent::LauncherMain);
    background::at_exit(|| queue::launcher(0));
    queue::launcher(background::latch());
    let mut posts: BTreeMap<u32, Post> = BTreeMap::new();
    let mut scanned: Option<Instant> = None;
    let mut complained: Option<Instant> = None;
    while !background::must_end() {
        let pokes = queue::take_pokes();
        let is_stale = scanned.is_none_or(|at| at.elapsed() >= RESCAN);
        if is_stale || pokes.as_ref().is_none_or(|pokes| !pokes.is_empty()) {
            let databases = transaction::run(|| Ok(background::databases()))?;
            posts.retain(|oid, _| databases.iter().any(|(found, _)| found == oid));
            for (oid, _) in &databases {
                let post = posts.entry(*oid).or_insert_with(Post::new);
                if pokes.as_ref().is_none_or(|pokes| pokes.contains(oid)) {
                    post.is_poked = true;
                    post.due = None;
                }
            }
            queue::forget_others(&databases.iter().map(|(oid, _)| *oid).collect::<Vec<u32>>());
            scanned = Some(Instant::now());
        }
        for (oid, post) in &mut posts {
            supervise(*oid, post);
        }
        let mut looks = posts.values().filter(|post| post.is_running() && post.began.elapsed() < FIRST_DELAY).count();
        for (oid, post) in &mut posts {
            let is_held = Database::find(*oid).is_some_and(Database::is_held);
            if post.wants_manager(Instant::now()) && !is_held && looks < LOOKS {
                start(*oid, post, &mut complained)?;
                looks += 1;
            }
        }
        wait(sleep_ms(&posts))?;
    }
    background::end_for_now()
}

/// Notes that a manager has ended, and whether and when the next is to be started.
fn supervise(database: u32, post: &mut Post) {
    if post.child.as_ref().is_none_or(|child| child.state() != ChildState::Ended) {
        return;
    }
    post.child = None;
    match Database::find(database) {
        // It found nothing to manage, or another manager.
        None => {}
        Some(board) if board.manager_pid() != 0 => {}
        // It was asked to go: for whoever holds the database, who will poke; or by a signal.
        Some(board) if board.take_farewell() => post.is_poked |= !board.is_held(),
        Some(_) => {
            let was_well = post.began.elapsed() >= LONGEST_DELAY;
            post.due = Some(Instant::now() + post.delay);
            post.delay = if was_well { FIRST_DELAY } else { (2 * post.delay).min(LONGEST_DELAY) };
        }
    }
}

fn start(database: u32, post: &mut Post, complained: &mut Option<Instant>) -> Result<(), PgError> {
    let manager = Start {
        symbol: "alyx_manager_main",
        r#type: "alyx manager",
        name: "alyx manager",
        argument: u64::from(database),
    };
    post.began = Instant::now();
    post.child = background::start(&manager);
    if post.child.is_some() {
        post.is_poked = false;
        post.due = None;
        return Ok(());
    }
    post.due = Some(post.began + FIRST_DELAY);
    if complained.is_none_or(|at| at.elapsed() >= LONGEST_DELAY) {
        *complained = Some(Instant::now());
        report(
            Level::Warning,
            "alyx_functions: no manager could be started, all background workers of the server are in use (max_worker_processes)",
        )?;
    }
    Ok(())
}

fn sleep_ms(posts: &BTreeMap<u32, Post>) -> u64 {
    let now = Instant::now();
    let waiting = posts.values().filter(|post| !post.is_running());
    // One that is poked and not started waits for its turn, or for a hold to end, which pokes.
    let next = waiting.filter_map(|post| post.due.or(post.is_poked.then_some(now + TURN)));
    let next = next.map(|due| due.saturating_duration_since(now)).min().unwrap_or(RESCAN).min(RESCAN);
    u64::try_from(next.as_millis()).unwrap_or(u64::MAX).max(10)
}
