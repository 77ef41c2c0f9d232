//! `next_after` against a walk over every minute of 20 years (every second around changes of the clocks), for zones with
//! every kind of change that there is.
//!
//! The walk notes which clock readings were ever shown. A fixed time fires when the clock shows it first, or, if no clock
//! ever shows it, with the first reading that follows it; everything else whenever it is shown.

use crate::support::dice::Dice;
use crate::support::naive::Naive;
use crate::support::{Place, clock, instant, shown};
use alyx_schedule::{Schedule, Utc, Zone};

const MINUTE_S: i64 = 60;
const HOUR_S: i64 = 3_600;
const DAY_S: i64 = 86_400;

const EXPRESSIONS: [&str; 24] = [
    "*/7 * * * *",
    "*/15 * * * *",
    "7 * * * *",
    "30 */2 * * *",
    "* 2 * * *",
    "*/30 0-3 * * *",
    "0 0 * * *",
    "30 0 * * *",
    "30 1 * * *",
    "30 2 * * *",
    "0,30 1,2 * * *",
    "15,45 2,3 * * *",
    "0-59 2 * * *",
    "45 3 * * *",
    "59 23 * * *",
    "5 0 1 * *",
    "0 2 13 * FRI",
    "0 2 13 * +FRI",
    "0 2 */2 * MON-THU",
    "30 2 L * *",
    "30 1 * 3,10,11 7L",
    "30 0 * APR,OCT FRI#5,4L",
    "30 2 1W,15W,31W,LW * *",
    "0 12 29 2 *",
];

const SECONDS: [&str; 8] = [
    "*/20 * * * * *",
    "15,45 */10 * * * *",
    "0 30 2 * * *",
    "10,50 59 1 * * *",
    "30 0,30 1,2 * * *",
    "59 59 23 * * *",
    "* 30 2 * * *",
    "1 0 0,3 * * *",
];

struct Case {
    text: String,
    schedule: Schedule,
    naive: Naive,
    next: Option<i64>,
}

/// Walks from `start` to `end`, and compares at every step whether each expression fires; now and then also what a
/// scheduler is told that asks at any other time.
fn walk(place: &Place, texts: impl IntoIterator<Item = String>, start: i64, end: i64, step: i64) {
    let mut cases: Vec<Case> = texts
        .into_iter()
        .map(|text| {
            let schedule = Schedule::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            let next = schedule.next_after(start - 1, 0, place);
            Case { naive: Naive::new(&text), schedule, next, text }
        })
        .collect();
    let local = |at: i64| at + i64::from(place.offset_at(at));
    let slot = |local: i64| usize::try_from((local - start + 2 * DAY_S) / step).expect("within two days");
    let mut ever_shown = vec![false; slot(end + 2 * DAY_S)];
    for at in (start..end).step_by(step as usize) {
        ever_shown[slot(local(at))] = true;
    }
    let mut already_shown = vec![false; ever_shown.len()];
    // Asking at any time matters most while a clock shows what it has shown before.
    let ask_every = if step == 1 { 50 } else { 20_000 };
    let mut dice = Dice(7);
    for at in (start..end).step_by(step as usize) {
        let reading = clock(at, place);
        let first_time = !std::mem::replace(&mut already_shown[slot(local(at))], true);
        let earlier = (1..).map(|back| local(at) - back * step);
        let leapt_over: Vec<_> = earlier
            .take_while(|local| at > start && !ever_shown[slot(*local)])
            .map(|local| clock(local, &Utc))
            .collect();
        let ask_now = dice.below(ask_every) == 0;
        for case in &mut cases {
            let naive = &mut case.naive;
            let fires = if naive.fixed_time {
                first_time && (naive.names(reading) || leapt_over.iter().any(|reading| naive.names(*reading)))
            } else {
                naive.names(reading)
            };
            let told = case.next == Some(at);
            assert_eq!(
                told,
                fires,
                "{} at {}: told {:?}",
                case.text,
                shown(at, place),
                case.next.map(|at| shown(at, place))
            );
            if fires {
                let next = case.schedule.next_after(at, 0, place);
                assert!(next.is_none_or(|next| next > at), "{} does not go on from {}", case.text, shown(at, place));
                case.next = next;
            }
            if ask_now {
                let at = at + dice.below(step as u64) as i64;
                assert_eq!(
                    case.schedule.next_after(at, 0, place),
                    case.next,
                    "{} asked at {}",
                    case.text,
                    shown(at, place)
                );
            }
        }
    }
}

fn check(zone: &str) {
    let place = Place::new(zone);
    let (start, end) = (instant("2020-01-01 00:00:00"), instant("2040-01-01 00:00:00"));
    walk(&place, EXPRESSIONS.map(str::to_owned), start, end, MINUTE_S);

    let changes: Vec<i64> = place.transitions().filter(|at| (start..end).contains(at)).collect();
    for change in changes.iter().take(12) {
        walk(&place, SECONDS.map(str::to_owned), change - 4 * HOUR_S, change + 4 * HOUR_S, 1);
    }

    let mut dice = Dice(zone.bytes().map(u64::from).sum());
    let mut random: Vec<String> = (0..40).map(|_| dice.expression()).collect();
    random.retain(|text| Schedule::parse(text).is_ok());
    assert!(random.len() > 30, "most of what the dice make can fire");
    random.push("* * * * *".to_owned());
    walk(&place, random, instant("2021-06-01 00:00:00"), instant("2023-06-01 00:00:00"), MINUTE_S);
}

macro_rules! zones {
    ($($test:ident: $zone:literal,)*) => {
        $(#[test] fn $test() { check($zone); })*
    };
}

zones! {
    utc: "UTC",
    berlin: "Europe/Berlin",
    london: "Europe/London",
    new_york: "America/New_York",
    st_johns: "America/St_Johns",
    lord_howe_moves_by_half_an_hour: "Australia/Lord_Howe",
    troll_moves_by_two_hours: "Antarctica/Troll",
    cairo_skips_midnight: "Africa/Cairo",
    beirut_skips_midnight: "Asia/Beirut",
    casablanca_goes_back_for_ramadan: "Africa/Casablanca",
    tehran_gave_it_up: "Asia/Tehran",
    apia_gave_it_up: "Pacific/Apia",
    chatham: "Pacific/Chatham",
    kolkata: "Asia/Kolkata",
}
