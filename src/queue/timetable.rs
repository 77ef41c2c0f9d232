//! Schedules: rows that say when the next job is to be made. `firing` makes it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use alyx_schedule::{Missed, Overlap, Schedule};

use super::outbox;
use crate::catalog::as_owner;
use crate::error::Error;
use crate::pg::spi::{self, Cell, Param};
use crate::pg::zone::Zone;
use crate::pg::{PgError, Role, clock};

/// Parsed expressions that are kept, by their text.
const MAX_PARSED: usize = 20_000;
/// Longest input: the manager holds those of all schedules that fire together.
const MAX_INPUT_BYTES: usize = 64 << 10;

/// An expression and a zone, by their texts.
type Parsed = HashMap<(String, String), (Rc<Schedule>, Zone)>;

thread_local! {
    static PARSED: RefCell<Parsed> = RefCell::default();
}

/// Reads an expression and finds its zone.
///
/// # Errors
/// 22023 with what is wrong and a hint.
pub fn parse(cron: &str, timezone: &str) -> Result<(Rc<Schedule>, Zone), PgError> {
    let key = (cron.to_owned(), timezone.to_owned());
    if let Some(known) = PARSED.with_borrow(|parsed| parsed.get(&key).cloned()) {
        return Ok(known);
    }
    let schedule = Schedule::parse(cron).map_err(|error| Error::InvalidArgument {
        message: format!("invalid schedule \"{}\": {}", shorten(cron), error.message),
        hint: error.hint,
    })?;
    let parsed = (Rc::new(schedule), Zone::find(timezone)?);
    PARSED.with_borrow_mut(|all| {
        if all.len() >= MAX_PARSED {
            all.clear();
        }
        all.insert(key, parsed.clone());
    });
    Ok(parsed)
}

fn shorten(text: &str) -> String {
    text.chars().take(100).collect()
}

/// The next `count` instants after `after_s`, in seconds since 1970.
pub fn preview(cron: &str, timezone: &str, after_s: i64, count: usize) -> Result<Vec<i64>, PgError> {
    let (schedule, zone) = parse(cron, timezone)?;
    Ok(std::iter::successors(schedule.next_after(after_s, after_s, &zone), |at| {
        schedule.next_after(*at, after_s, &zone)
    })
    .take(count)
    .collect())
}

/// A schedule to be kept.
pub struct NewSchedule<'a> {
    /// The function that it calls.
    pub function_id: i64,
    /// The role whose rights its jobs have.
    pub role: Role,
    /// Its place in the manifest, from 1; `None` for one of `fn_schedule`.
    pub hook: Option<i32>,
    /// The expression.
    pub cron: &'a str,
    /// IANA name.
    pub timezone: &'a str,
    /// JSON.
    pub input: &'a str,
    /// `skip`, `queue` or `allow`.
    pub overlap: &'a str,
    /// `once`, `skip` or `all`.
    pub missed: &'a str,
}

/// Stores a schedule and gives its id.
///
/// # Errors
/// 22023 for an expression that is wrong or never fires, a zone that does not exist, a policy that is none.
pub fn add(new: &NewSchedule<'_>) -> Result<i64, PgError> {
    let policy = |what: &str, given: &str, allowed: &str| Error::InvalidArgument {
        message: format!("invalid value for argument \"{what}\": \"{}\"", shorten(given)),
        hint: Some(format!("Expected {allowed}.")),
    };
    Overlap::from_name(new.overlap).ok_or_else(|| policy("overlap", new.overlap, "skip, queue or allow"))?;
    Missed::from_name(new.missed).ok_or_else(|| policy("missed", new.missed, "once, skip or all"))?;
    if new.input.len() > MAX_INPUT_BYTES {
        return Err(Error::InvalidArgument {
            message: format!("input of a schedule is longer than {MAX_INPUT_BYTES} bytes"),
            hint: Some("Keep the data in a table and let the function read it.".to_owned()),
        }
        .into());
    }
    let (schedule, zone) = parse(new.cron, new.timezone)?;
    let now_s = clock::now_us() / 1_000_000;
    let next_s = schedule.next_after(now_s, now_s, &zone);
    if next_s.is_none() && !schedule.is_reboot() {
        return Err(Error::InvalidArgument {
            message: format!("schedule \"{}\" never fires", shorten(new.cron)),
            hint: Some("SELECT * FROM fn_cron_next('…') shows when an expression fires.".to_owned()),
        }
        .into());
    }
    let hook = new.hook.map_or(Param::NullInt, Param::Int);
    let params = [
        Param::Big(new.function_id),
        hook,
        Param::Text(Some(new.cron)),
        Param::Text(Some(new.timezone)),
        Param::Json(new.input),
        Param::Text(Some(new.overlap)),
        Param::Text(Some(new.missed)),
        Param::Big(i64::from(new.role.oid())),
        Param::Big(now_s),
        Param::Big(next_s.unwrap_or(0)),
    ];
    let rows = as_owner(|| spi::query(include_str!("../../sql/queries/store_schedule.sql"), &params))?;
    outbox::announce_time();
    rows.into_iter()
        .flatten()
        .next()
        .and_then(Cell::parse)
        .ok_or_else(|| Error::Internal("no schedule id".into()).into())
}

/// The owner of a schedule's function and its name, under the row's lock.
pub fn owner_of(id: i64) -> Result<Option<(Role, String)>, PgError> {
    let rows = as_owner(|| spi::query(include_str!("../../sql/queries/find_schedule.sql"), &[Param::Big(id)]))?;
    Ok(rows.into_iter().next().and_then(|row| {
        let mut cells = row.into_iter();
        Some((Role::from_oid(cells.next()?.parse()?), cells.next()?.text()))
    }))
}

/// Ends a schedule.
pub fn remove(id: i64) -> Result<(), PgError> {
    as_owner(|| spi::run(include_str!("../../sql/queries/drop_schedule.sql"), &[Param::Big(id)]))
}

/// Makes the schedules of a manifest's hooks those given; what has not changed stays as it is.
pub fn reconcile(function_id: i64, wanted: &[NewSchedule<'_>]) -> Result<(), PgError> {
    let rows =
        as_owner(|| spi::query(include_str!("../../sql/queries/hook_schedules.sql"), &[Param::Big(function_id)]))?;
    let mut there: Vec<(i64, serde_json::Value)> = rows
        .into_iter()
        .filter_map(|row| {
            let mut cells = row.into_iter();
            Some((cells.next()?.parse()?, serde_json::from_str(&cells.next()?.text()).ok()?))
        })
        .collect();
    for new in wanted {
        let input: serde_json::Value = serde_json::from_str(new.input).unwrap_or_default();
        let content = serde_json::json!([new.cron, new.timezone, input, new.overlap, new.missed]);
        match there.iter().position(|(_, found)| *found == content) {
            Some(at) => {
                let (id, _) = there.swap_remove(at);
                let params = [Param::Big(id), new.hook.map_or(Param::NullInt, Param::Int)];
                as_owner(|| spi::run(include_str!("../../sql/queries/place_schedule.sql"), &params))?;
            }
            None => {
                add(new)?;
            }
        }
    }
    there.iter().try_for_each(|(id, _)| remove(*id))
}

/// When the next schedule is due, in microseconds since 1970.
pub fn next_due() -> Result<Option<i64>, PgError> {
    let rows = as_owner(|| spi::query_kept(include_str!("../../sql/queries/next_schedule.sql"), &[]))?;
    Ok(rows.into_iter().flatten().next().and_then(Cell::parse))
}

/// Brings the timetable in line with this start of the server: `@reboot`, and tz data that may have changed.
pub fn start(is_boot: bool) -> Result<(), PgError> {
    if is_boot {
        as_owner(|| spi::run(include_str!("../../sql/queries/start_schedules.sql"), &[]))?;
    }
    // Not before the last instant that has fired: the clock may have been set back while the server was down.
    move_future(|schedule, zone, anchor_s, previous_s, now_s| {
        schedule.next_after(now_s.max(previous_s.unwrap_or(now_s)), anchor_s, zone)
    })
}

/// After the clock was set back: what goes by the calendar comes at its time, which has come once already for the
/// instants in between. What comes every so often goes on at its pace.
pub fn clock_set_back() -> Result<(), PgError> {
    move_future(
        |schedule, zone, anchor_s, _, now_s| {
            if schedule.is_grid() { schedule.next_after(now_s, anchor_s, zone) } else { None }
        },
    )
}

/// Moves schedules that are not due yet to where `next` says; `None` leaves one where it is.
fn move_future(next: impl Fn(&Schedule, &Zone, i64, Option<i64>, i64) -> Option<i64>) -> Result<(), PgError> {
    let rows = as_owner(|| spi::query(include_str!("../../sql/queries/future_schedules.sql"), &[]))?;
    let now_s = clock::now_us() / 1_000_000;
    let (mut ids, mut nexts) = (Vec::new(), Vec::new());
    for row in rows {
        let mut cells = row.into_iter();
        let mut cell = || cells.next().unwrap_or(Cell::Null);
        let (Some(id), cron, timezone) = (cell().parse::<i64>(), cell().text(), cell().text()) else { continue };
        let (Some(anchor_s), Some(stored_s)) = (cell().parse::<i64>(), cell().parse::<i64>()) else { continue };
        let previous_s = cell().parse();
        // A row that cannot be read is told of when it is due.
        let Ok((schedule, zone)) = parse(&cron, &timezone) else { continue };
        let next = next(&schedule, &zone, anchor_s, previous_s, now_s);
        if let Some(next_s) = next.filter(|next| *next != stored_s) {
            ids.push(id);
            nexts.push(next_s);
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    let params = [Param::Bigs(&ids), Param::Bigs(&nexts)];
    as_owner(|| spi::run(include_str!("../../sql/queries/move_schedules.sql"), &params))
}
