//! The manager of one database: claims jobs, feeds workers, moves what is due, and leaves when the extension does.
//!
//! It keeps no transaction open while it waits, and runs no SQL but ours. A step that fails is tried again later; it
//! stops neither the loop nor the other steps.

use std::cell::Cell;
use std::time::{Duration, Instant};

use alyx_schedule::Waiting;

use super::crew::stop_leftovers;
use super::dispatch::Dispatch;
use super::upkeep::Upkeep;
use crate::pg::backend::{Level, report, report_failure};
use crate::pg::background::{self, wait};
use crate::pg::wait_event::WaitEvent;
use crate::pg::{PgError, SqlState, clock, inval, session, shmem, transaction};
use crate::queue::{self, Bell, Database};
use crate::settings;

crate::process!(alyx_manager_main, run);

/// Before a step that failed is tried again.
const PAUSE_MS: u64 = 100;
/// How often to look for jobs that nobody runs; it takes reading the whole queue.
const STRAYS: Duration = Duration::from_secs(60);
/// How often to say that it fails.
const FIRST_SILENCE: Duration = Duration::from_secs(1);
const LONGEST_SILENCE: Duration = Duration::from_secs(60);
/// The wall clock is corrected all the time; this much is a step.
const CLOCK_JITTER_US: i64 = 1_000_000;
const UNDEFINED_TABLE: SqlState = SqlState::new(b"42P01");
/// What is said of a step that fails.
const FAILED: &str = "manager goes on after";
/// How long workers may take to end by themselves.
const PATIENCE: Duration = Duration::from_secs(2);

thread_local! {
    static BOARD: Cell<Option<Database>> = const { Cell::new(None) };
}

fn at_exit() {
    if let Some(board) = BOARD.get() {
        board.leave(shmem::process_id());
        // The launcher that started this process may have been replaced since.
        if board.has_said_farewell() {
            queue::poke(shmem::database_id());
        }
    }
}

/// Runs `f` in a transaction; `None` when somebody is changing or dropping the extension right now.
pub(super) fn transaction<T>(f: impl FnOnce() -> Result<T, PgError>) -> Result<Option<T>, PgError> {
    transaction::run(|| if inval::try_lock_catalog()? { f().map(Some) } else { Ok(None) })
}

fn run(argument: u64) -> Result<(), PgError> {
    let database = u32::try_from(argument).unwrap_or(0);
    background::end_on_request();
    background::connect(database)?;
    background::show_name("alyx manager")?;
    background::waits_for(WaitEvent::ManagerMain);
    // An attempt must have been counted before it can bring the server down.
    session::settle_as_manager()?;
    if !is_installed() {
        if let Some(board) = Database::find(database) {
            board.forget();
        }
        return Ok(());
    }
    let Some(board) = Database::claim(database) else {
        return report(
            Level::Warning,
            "alyx_functions: jobs and schedules of this database do not run, raise alyx_functions.max_databases",
        );
    };
    if board.is_held() {
        board.say_farewell();
        return Ok(());
    }
    if !board.manage(shmem::process_id(), background::latch()) {
        return Ok(());
    }
    BOARD.set(Some(board));
    background::at_exit(at_exit);
    if settle_in(board)? { Manager::begin(database, board)?.work() } else { Ok(()) }
}

/// Waits while this is not where the jobs run, doing only what has to be done for records; `false` when it must end.
fn settle_in(board: Database) -> Result<bool, PgError> {
    let (mut upkeep, mut complaints) = (Upkeep::begin(), Complaints::default());
    let (mut told, mut asked) = (None, None::<Instant>);
    while !background::must_end() && !board.is_held() {
        let poll = Duration::from_millis(settings::poll_interval_ms());
        if board.answer().timed || asked.is_none_or(|at| at.elapsed() >= poll) {
            asked = Some(Instant::now());
            match transaction(|| queue::settle_in(settings::run_copies(), board.restorer())) {
                Ok(Some(None)) => {
                    // The number may be another session's one day.
                    board.restored_by(0);
                    return Ok(true);
                }
                Ok(Some(Some(why))) if told != Some(why) => {
                    told = Some(why);
                    tell(why)?;
                }
                Ok(Some(_)) => {}
                // Somebody is changing the extension: a moment later it can be asked.
                Ok(None) => asked = None,
                Err(_) if !is_installed() => {
                    board.forget();
                    return Ok(false);
                }
                // A database whose extension has not been updated yet.
                Err(error) if error.sqlstate == UNDEFINED_TABLE => return Ok(true),
                Err(error) => complaints.add("manager waits after", &error)?,
            }
        }
        upkeep.run()?;
        wait(settings::poll_interval_ms().min(upkeep.sleep_ms().max(PAUSE_MS)))?;
    }
    upkeep.end()?;
    board.say_farewell();
    Ok(false)
}

/// Says why jobs wait.
fn tell(why: Waiting) -> Result<(), PgError> {
    let (level, advice) = match why {
        Waiting::Restore => (Level::Log, ""),
        Waiting::Directory | Waiting::Database => (Level::Warning, "; call fn_adopt_copy() if they are to run here"),
    };
    report(level, &format!("alyx_functions: jobs and schedules wait, because {}{advice}", why.as_str()))
}

/// What fails again and again is said ever more rarely.
#[derive(Default)]
struct Complaints {
    /// When it was last spoken of, and for how long not to do so again.
    last: Option<(Instant, Duration)>,
}

impl Complaints {
    fn add(&mut self, what: &str, error: &PgError) -> Result<(), PgError> {
        let now = Instant::now();
        let delay = match self.last {
            Some((at, delay)) if at + delay > now => return Ok(()),
            Some((_, delay)) => (2 * delay).min(LONGEST_SILENCE),
            None => FIRST_SILENCE,
        };
        self.last = Some((now, delay));
        report_failure(Level::Warning, &format!("alyx_functions: {what}"), error)
    }

    fn end(&mut self) {
        self.last = None;
    }
}

fn is_installed() -> bool {
    transaction::run(inval::find_catalog).is_ok()
}

struct Manager {
    board: Database,
    dispatch: Dispatch,
    upkeep: Upkeep,
    /// Whether jobs that the server ended with are still held by other transactions.
    has_crashed_jobs: bool,
    /// The first lease that is ours.
    first_lease: i64,
    /// When to look again for jobs that are marked as running by nobody: a dump that was restored brings some.
    strays_at: Instant,
    /// When the next deferred job is due.
    deferred_us: Option<i64>,
    /// When the next schedule is due.
    schedule_us: Option<i64>,
    last_poll: Instant,
    poll_every: Duration,
    /// The last look at both clocks: how long ago, and what the wall clock said.
    clocks: (Instant, i64),
    complaints: Complaints,
}

impl Manager {
    fn begin(database: u32, board: Database) -> Result<Self, PgError> {
        let began = Instant::now();
        while !stop_leftovers(database, began.elapsed() >= 2 * PATIENCE) && began.elapsed() < 3 * PATIENCE {
            wait(10)?;
        }
        // A job that is marked as running when nobody runs any was interrupted: by the end of the last manager, or, when
        // there has been none since the server started, by the end of the server, in good order or not.
        let is_boot = !board.was_managed();
        let crashed = is_boot && !shmem::was_shut_down();
        // Greater than any lease of a manager before this one, unless the clock was set back: nobody has claimed anything
        // yet, so the first time every lease is an old one.
        let first_lease = clock::now_us();
        let is_recovered = matches!(transaction(|| queue::recover(crashed, i64::MAX)), Ok(Some(true)));
        let poll_every = Duration::from_millis(settings::poll_interval_ms());
        let mut manager = Self {
            board,
            dispatch: Dispatch::new(database, first_lease),
            has_crashed_jobs: crashed && !is_recovered,
            first_lease,
            strays_at: if is_recovered { began + STRAYS } else { began },
            upkeep: Upkeep::begin(),
            deferred_us: None,
            schedule_us: None,
            last_poll: began,
            poll_every,
            clocks: (began, clock::now_us()),
            complaints: Complaints::default(),
        };
        if transaction(|| queue::start_timetable(is_boot)).is_err() {
            report(Level::Warning, "alyx_functions: schedules could not be brought in line with this start")?;
        }
        if let Err(error) = manager.look_around() {
            manager.complaints.add(FAILED, &error)?;
        }
        Ok(manager)
    }

    fn work(mut self) -> Result<(), PgError> {
        loop {
            if background::must_end() || self.board.is_held() {
                return self.end();
            }
            match self.turn() {
                Ok(()) => self.complaints.end(),
                Err(_) if !is_installed() => {
                    self.board.forget();
                    return self.end();
                }
                Err(error) => {
                    self.complaints.add(FAILED, &error)?;
                    wait(PAUSE_MS)?;
                }
            }
            background::report_table_statistics();
            wait(self.sleep_ms())?;
        }
    }

    /// One look at everything that may need doing. A step that fails does not keep the next from being done.
    fn turn(&mut self) -> Result<(), PgError> {
        let bell: Bell = self.board.answer();
        self.dispatch.heard(&bell);
        let mut results = vec![self.dispatch.reap(), self.upkeep.run()];
        if bell.everything || self.last_poll.elapsed() >= self.poll_every {
            results.push(self.look_around());
        }
        if bell.timed {
            results.push(self.look_at_clock());
        }
        if settings::enabled() {
            results.push(self.compare_clocks());
            let now_us = clock::now_us();
            if self.schedule_us.is_some_and(|due| due <= now_us) {
                results.push(self.fire());
            }
            if self.deferred_us.is_some_and(|due| due <= now_us) {
                results.push(self.promote());
            }
            results.push(self.dispatch.claim());
            results.push(self.dispatch.feed());
        }
        results.into_iter().collect()
    }

    /// Whether the wall clock was set back since the last look.
    fn compare_clocks(&mut self) -> Result<(), PgError> {
        let (then, then_us) = std::mem::replace(&mut self.clocks, (Instant::now(), clock::now_us()));
        let passed_us = i64::try_from(self.clocks.0.duration_since(then).as_micros()).unwrap_or(i64::MAX);
        let back_us = passed_us - (self.clocks.1 - then_us);
        if back_us > CLOCK_JITTER_US {
            let message = format!("alyx_functions: the clock was set back by {} s", back_us / 1_000_000);
            report(Level::Log, &message)?;
            transaction(queue::clock_set_back)?;
            self.look_at_clock()?;
        }
        Ok(())
    }

    /// The slow poll: what nobody told of (a prepared transaction that was committed, a wake-up that was lost).
    fn look_around(&mut self) -> Result<(), PgError> {
        let began = Instant::now();
        // What a dump brings is found here and nowhere else; it waits until all of it has come.
        if transaction(queue::is_being_restored)? == Some(true) {
            self.last_poll = began;
            return Ok(());
        }
        self.dispatch.tidy();
        if self.strays_at <= began {
            let recovered = transaction(|| queue::recover(self.has_crashed_jobs, self.first_lease))?;
            if recovered == Some(true) {
                self.has_crashed_jobs = false;
                self.strays_at = began + STRAYS;
            }
        }
        transaction(|| self.dispatch.look_around())?;
        self.look_at_clock()?;
        // Dead rows that an old snapshot keeps make it slow; it must not become the main work.
        self.poll_every = Duration::from_millis(settings::poll_interval_ms()).max(20 * began.elapsed());
        self.last_poll = Instant::now();
        Ok(())
    }

    /// When the next thing is due that nobody will ring for.
    fn look_at_clock(&mut self) -> Result<(), PgError> {
        if let Some((deferred, schedule)) = transaction(|| Ok((queue::next_deferred()?, queue::next_due()?)))? {
            self.deferred_us = deferred;
            self.schedule_us = schedule;
        }
        Ok(())
    }

    fn fire(&mut self) -> Result<(), PgError> {
        // The jobs ring the bell like anybody's; what they are waits for the next turn of the loop.
        if let Some((fired, due)) = transaction(|| Ok((queue::fire_due()?, queue::next_due()?)))? {
            self.schedule_us = later_if(fired == 0, due);
        }
        Ok(())
    }

    fn promote(&mut self) -> Result<(), PgError> {
        let promoted = transaction(|| {
            let promoted = queue::promote()?;
            Ok((promoted, queue::next_deferred()?))
        })?;
        if let Some((promoted, due)) = promoted {
            self.deferred_us = later_if(promoted.is_empty(), due);
            let ready = promoted.iter().map(|(function, rank, _)| (*function, *rank)).collect();
            self.dispatch.heard(&Bell { ready, ..Bell::default() });
            self.dispatch.look_for_suspects();
        }
        Ok(())
    }

    fn sleep_ms(&self) -> u64 {
        let now_us = clock::now_us();
        let poll_ms = u64::try_from(self.poll_every.saturating_sub(self.last_poll.elapsed()).as_millis()).unwrap_or(0);
        let is_on = |_: &i64| settings::enabled();
        let due_us = [self.deferred_us.filter(is_on), self.schedule_us.filter(is_on), self.dispatch.next_us()];
        let due_ms =
            due_us.into_iter().flatten().map(|due| u64::try_from((due - now_us + 999) / 1000).unwrap_or(0)).min();
        due_ms.map_or(poll_ms, |due| due.min(poll_ms)).min(self.upkeep.sleep_ms()).max(1)
    }

    /// Leaves nothing behind: workers end, what they had in hand is given back.
    fn end(mut self) -> Result<(), PgError> {
        let began = Instant::now();
        while !self.dispatch.dismiss(began.elapsed() > Duration::ZERO)? && began.elapsed() < PATIENCE {
            wait(5)?;
        }
        let result = self.upkeep.end();
        self.board.say_farewell();
        result
    }
}

/// When to look again at what is due: not at once when it was due before and somebody holds its rows.
fn later_if(is_held: bool, due_us: Option<i64>) -> Option<i64> {
    let pause_us = i64::try_from(PAUSE_MS).unwrap_or(0) * 1000;
    if is_held { due_us.map(|due| due.max(clock::now_us() + pause_us)) } else { due_us }
}
