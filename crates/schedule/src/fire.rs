//! What to fire when the clock says that a schedule is due, and what to do about instants that were missed.

use alloc::vec::Vec;

use crate::schedule::Schedule;
use crate::zone::Zone;

/// A run that begins within this many seconds after its instant is on time, unless the next instant has come as well.
pub const ON_TIME_S: i64 = 60;

/// For how long, in seconds, [`Missed::Once`] makes up for an instant, where nothing else is said: one day.
pub const DEFAULT_GRACE_S: i64 = 86_400;

/// Most runs that [`Missed::All`] fires at once.
pub const MAX_CATCH_UP: usize = 100;

/// Skipped instants are counted up to this number, so that a schedule of every second is cheap after a year of downtime.
pub const MAX_COUNTED: u32 = 10_000;

/// What becomes of instants that passed while nobody looked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Missed {
    /// One run, for the latest of them, stands for all, unless it is older than the grace.
    #[default]
    Once,
    /// None: only a run that is on time.
    Skip,
    /// One run each, oldest first; of more than [`MAX_CATCH_UP`] the newest.
    All,
}

impl Missed {
    /// The policy with this name: `once`, `skip` or `all`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Once, Self::Skip, Self::All].into_iter().find(|policy| policy.as_str() == name)
    }

    /// The policy's name in SQL and manifests.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::Skip => "skip",
            Self::All => "all",
        }
    }
}

/// What becomes of a run that is due while an earlier one has not ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Overlap {
    /// It is left out.
    #[default]
    Skip,
    /// It waits, unless one waits already.
    Queue,
    /// It runs beside the others.
    Allow,
}

impl Overlap {
    /// The policy with this name: `skip`, `queue` or `allow`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Skip, Self::Queue, Self::Allow].into_iter().find(|policy| policy.as_str() == name)
    }

    /// The policy's name in SQL and manifests.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Queue => "queue",
            Self::Allow => "allow",
        }
    }

    /// Whether another run of a schedule may be made while `running` of its runs have begun and `waiting` have not.
    #[must_use]
    pub fn admits(self, running: u32, waiting: u32) -> bool {
        match self {
            Self::Skip => running == 0 && waiting == 0,
            Self::Queue => waiting == 0,
            Self::Allow => true,
        }
    }
}

/// What is to be fired now, and when to look again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firing {
    /// Runs to be made, oldest first.
    pub runs: Vec<Run>,
    /// The instant to be stored as the next one due, after `now` unless the clock stands before what was due already;
    /// `None` for never.
    pub next: Option<i64>,
}

/// One run of a schedule. Instants are Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The instant of the schedule that the run is for.
    pub scheduled_at: i64,
    /// The instant of the run before, if there was one.
    pub previous_at: Option<i64>,
    /// How many instants between those two have no run, at most [`MAX_COUNTED`].
    pub missed: u32,
}

/// Decides what to fire for a schedule whose stored next instant is `due`, at `now` by the clock.
///
/// `previous_at` is the instant of the run that was fired last, `grace_s` how old an instant may be that
/// [`Missed::Once`] makes up for. A clock that stands before `due` fires nothing and leaves `due` the next: going back
/// in time repeats nothing. Work is bounded, however long ago `due` was.
#[must_use]
#[expect(
    clippy::too_many_arguments,
    reason = "the columns of a schedule's row, the clock, and nothing to group them by"
)]
pub fn fire(
    schedule: &Schedule,
    zone: &dyn Zone,
    anchor_unix_s: i64,
    due: i64,
    now: i64,
    previous_at: Option<i64>,
    missed: Missed,
    grace_s: i64,
) -> Firing {
    if now < due {
        return Firing { runs: Vec::new(), next: Some(due) };
    }
    let instants = Instants { schedule, zone, anchor_unix_s, due };
    let latest = instants.latest_until(now);
    let late_s = now.saturating_sub(latest);
    let wanted = match missed {
        Missed::All => MAX_CATCH_UP,
        _ if late_s < ON_TIME_S => 1,
        Missed::Once if late_s <= grace_s => 1,
        Missed::Once | Missed::Skip => 0,
    };
    let scheduled = instants.newest(latest, wanted);
    let mut skipped = scheduled.first().map_or(0, |oldest| instants.count_before(*oldest));
    let mut previous_at = previous_at;
    let runs = scheduled
        .into_iter()
        .map(|scheduled_at| Run {
            scheduled_at,
            previous_at: previous_at.replace(scheduled_at),
            missed: core::mem::take(&mut skipped),
        })
        .collect();
    Firing { runs, next: instants.after(now) }
}

/// The instants of a schedule from `due` on. `due` is one of them because it was promised, even if a change of the
/// schedule's zone has moved the others.
struct Instants<'a> {
    schedule: &'a Schedule,
    zone: &'a dyn Zone,
    anchor_unix_s: i64,
    due: i64,
}

impl Instants<'_> {
    fn after(&self, unix_s: i64) -> Option<i64> {
        self.schedule.next_after(unix_s, self.anchor_unix_s, self.zone)
    }

    fn comes_after(&self, unix_s: i64, limit: i64) -> bool {
        self.after(unix_s).is_none_or(|next| next > limit)
    }

    /// The last instant that is not after `until`, which is not before `due`.
    ///
    /// What comes next never comes earlier when asked later, so the second after which the next instant lies behind
    /// `until` can be bisected; that second is the instant.
    fn latest_until(&self, until: i64) -> i64 {
        if self.comes_after(self.due, until) {
            return self.due;
        }
        let (mut before, mut latest) = (self.due, until);
        while before + 1 < latest {
            let middle = before.midpoint(latest);
            if self.comes_after(middle, until) {
                latest = middle;
            } else {
                before = middle;
            }
        }
        latest
    }

    /// The `count` last instants up to `latest`, which is one, oldest first.
    fn newest(&self, latest: i64, count: usize) -> Vec<i64> {
        let mut found: Vec<i64> = core::iter::successors(Some(latest), |&instant| {
            (instant > self.due).then(|| self.latest_until(instant - 1))
        })
        .take(count)
        .collect();
        found.reverse();
        found
    }

    /// How many instants lie before `instant`, at most [`MAX_COUNTED`].
    fn count_before(&self, instant: i64) -> u32 {
        let all = core::iter::successors(Some(self.due), |&at| self.after(at));
        all.take_while(|&at| at < instant).zip(0..MAX_COUNTED).fold(0, |count, _| count + 1)
    }
}
