//! What must hold when the crowd has gone, and how long everybody waited.

use crate::load::{Beat, Ledger, seconds};
use crate::nodes::Nodes;
use crate::plan::Loss;
use crate::stage::DATABASE;
use crate::story::{Lost, Run};
use alyx_tests::{Check, Session};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

/// Instants so close to a loss may be missing where only the last of those missed is made up for.
const EDGE_S: f64 = 2.0;
/// A client's longest time without an answer.
const LONGEST_GAP_S: f64 = 30.0;

/// As many reads at the end must be on standbys.
const LAST_READS: usize = 20;

/// Looks at everything.
pub fn checks(nodes: &Nodes, run: &Run) -> Vec<Check> {
    let mut session = nodes.node(run.leader).server.session(DATABASE);
    let mut checks = jobs(&mut session, &run.crowd.ledger);
    checks.extend(schedules(&mut session, run));
    checks.push(one_at_a_time(&mut session, run));
    checks.extend(gateways(run));
    checks.push(same_everywhere(nodes, &mut session));
    checks.push(logs(nodes));
    checks
}

fn jobs(session: &mut Session, ledger: &Ledger) -> Vec<Check> {
    let mut times = BTreeMap::<u64, usize>::new();
    for row in session.rows("SELECT n FROM effects WHERE function = 'work'") {
        *times.entry(row.parse().unwrap_or(u64::MAX)).or_default() += 1;
    }
    let mut checks = Vec::new();
    let mut asked: BTreeSet<u64> =
        ledger.unknown.lock().unwrap().iter().chain(ledger.given_up.lock().unwrap().iter()).copied().collect();
    for (way, acknowledged) in [("by SQL", &ledger.by_sql), ("over HTTP", &ledger.by_http)] {
        let acknowledged = acknowledged.lock().unwrap();
        let lost = acknowledged.iter().filter(|n| !times.contains_key(n)).count();
        let name = format!("of {} jobs that were acknowledged {way}, lost", acknowledged.len());
        checks.push(Check::new(name, lost.to_string(), lost == 0 && !acknowledged.is_empty()));
        asked.extend(acknowledged.iter());
    }
    checks.push(Check::none("jobs done twice", times.values().filter(|count| **count > 1).count()));
    checks.push(Check::none("jobs that nobody asked for", times.keys().filter(|n| !asked.contains(n)).count()));
    checks.push(Check::none("requests that were given up", ledger.given_up.lock().unwrap().len()));
    let dead = session.value("SELECT count(*) FROM alyx.dead_jobs");
    checks.push(Check::new("dead jobs", dead.clone(), dead == "0"));
    checks
}

/// The instants of a schedule, in seconds since 1970, as often as they were done.
fn instants(session: &mut Session, function: &str) -> BTreeMap<i64, usize> {
    let mut times = BTreeMap::new();
    for row in
        session.rows(&format!("SELECT extract(epoch FROM tick)::bigint FROM effects WHERE function = '{function}'"))
    {
        *times.entry(row.parse().unwrap_or(0)).or_default() += 1;
    }
    times
}

fn schedules(session: &mut Session, run: &Run) -> Vec<Check> {
    let mut checks = Vec::new();
    for (function, missed) in [("tick", "all"), ("tock", "once")] {
        let times = instants(session, function);
        let (first, last) = (times.keys().next().copied().unwrap_or(0), times.keys().next_back().copied().unwrap_or(0));
        let twice = times.values().filter(|count| **count > 1).count();
        let name = format!("of {} instants of the schedule with missed: {missed}, fired twice", times.len());
        let goes_to_the_end = first > 0 && run.ended - last as f64 <= 3.0;
        checks.push(Check::new(name, twice.to_string(), twice == 0 && goes_to_the_end));
        let absent: Vec<i64> = (first..=last).filter(|instant| !times.contains_key(instant)).collect();
        let is_excused =
            |instant: &i64| missed == "once" && run.losses.iter().any(|lost| is_within(*instant as f64, lost));
        let name = if missed == "all" {
            "of them, missing"
        } else {
            "of them, missing but for those while there was no primary"
        };
        let without_excuse = absent.iter().filter(|instant| !is_excused(instant)).count();
        let found = format!("{without_excuse} (while there was none: {})", absent.len() - without_excuse);
        checks.push(Check::new(name, found, without_excuse == 0));
    }
    checks
}

fn is_within(instant: f64, lost: &Lost) -> bool {
    instant >= lost.at - EDGE_S && instant <= lost.at + lost.until_leader + EDGE_S
}

/// Each timeline has one server that did its jobs: its primary.
fn one_at_a_time(session: &mut Session, run: &Run) -> Check {
    let rows = session.rows("SELECT timeline, string_agg(DISTINCT port::text, ' ') FROM effects GROUP BY 1 ORDER BY 1");
    let is_one = rows.len() == run.losses.len() + 1 && rows.iter().all(|row| !row.contains(' '));
    Check::new("timelines and whose jobs are in them", rows.join(", "), is_one)
}

fn gateways(run: &Run) -> Vec<Check> {
    let mut checks = Vec::new();
    for (at, watch) in run.crowd.watches.iter().enumerate() {
        let (posts, gets) = (watch.posts.lock().unwrap(), watch.gets.lock().unwrap());
        let longest = gap(&posts, 0.0, f64::MAX);
        let name = format!("gateway {}: longest time without an answer to a POST", at + 1);
        checks.push(Check::new(name, format!("{longest:.1} s"), longest < LONGEST_GAP_S));
        let strays = posts.iter().filter(|beat| beat.by_standby).count();
        checks.push(Check::none(&format!("gateway {}: POSTs that a standby answered", at + 1), strays));
        let (by_standby, failed) =
            (gets.iter().filter(|beat| beat.by_standby).count(), gets.iter().filter(|beat| !beat.is_answered).count());
        // Who was a standby may have been promoted with the connections that it had.
        let are_back = gets.iter().rev().take(LAST_READS).all(|beat| beat.by_standby);
        let name = format!("gateway {}: GETs, by standbys, failed; the last ones by standbys", at + 1);
        let found = format!("{}, {by_standby}, {failed}; {are_back}", gets.len());
        checks.push(Check::new(name, found, are_back && gap(&gets, 0.0, f64::MAX) < LONGEST_GAP_S));
    }
    checks
}

/// The longest time between two answers, of those that came between `from` and `to`.
fn gap(beats: &[Beat], from: f64, to: f64) -> f64 {
    let answers = beats.iter().filter(|beat| beat.is_answered && beat.ended >= from && beat.ended <= to);
    let ended: Vec<f64> = answers.map(|beat| beat.ended).collect();
    ended.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max)
}

fn same_everywhere(nodes: &Nodes, leader: &mut Session) -> Check {
    let sum = "SELECT count(*), md5(string_agg(id || function || coalesce(n, 0), ' ' ORDER BY id)) FROM effects";
    let expected = leader.value(sum);
    let deadline = seconds() + Duration::from_secs(30).as_secs_f64();
    loop {
        let same = nodes
            .all()
            .iter()
            .filter(|node| node.session(DATABASE).is_ok_and(|mut session| session.value(sum) == expected));
        let same = same.count();
        if same == nodes.all().len() || seconds() > deadline {
            return Check::new(
                "nodes that have the same effects",
                format!("{same} of {}", nodes.all().len()),
                same == nodes.all().len(),
            );
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn logs(nodes: &Nodes) -> Check {
    let evil = ["PANIC:", "panicked at", "XX000", "TRAP:"];
    let text: String = nodes.all().iter().map(|node| node.patroni_log()).collect();
    let lines: Vec<&str> = text.lines().filter(|line| evil.iter().any(|word| line.contains(word))).collect();
    Check::new(
        "panics and bugs in the servers' logs",
        lines.first().map_or("0".to_owned(), |line| format!("{}: {line}", lines.len())),
        lines.is_empty(),
    )
}

/// The run in Markdown.
pub fn report(nodes: &Nodes, run: &Run, checks: &[Check]) -> String {
    let mut session = nodes.node(run.leader).server.session(DATABASE);
    let mut text = String::from(
        "| primary | seconds until: another takes writes | jobs run | the schedule fires | gateways answer POSTs (each) | reads (each) | all follow again, by |\n|---|--:|--:|--:|--:|--:|---|\n",
    );
    for (at, lost) in run.losses.iter().enumerate() {
        let port = nodes.node(lost.to).server.port;
        let mut first = |filter: &str| {
            let sql = format!(
                "SELECT round(extract(epoch FROM min(at)) - {}, 1) FROM effects WHERE port = {port} AND at > to_timestamp({}) {filter}",
                lost.at, lost.at
            );
            session.value(&sql)
        };
        let (jobs, ticks) = (first(""), first("AND function = 'tick'"));
        let to = run.losses.get(at + 1).map_or(f64::MAX, |next| next.at);
        let gaps = |gets: bool| {
            let of = |watch: &std::sync::Arc<crate::load::Watch>| {
                let beats = if gets { watch.gets.lock() } else { watch.posts.lock() };
                format!("{:.1}", gap(&beats.unwrap(), lost.at - 1.0, to))
            };
            run.crowd.watches.iter().map(of).collect::<Vec<_>>().join(", ")
        };
        let way = if lost.loss == Loss::Switched { "its own log" } else { lost.way };
        let _ = writeln!(
            text,
            "| {} → {}, {} | {:.1} | {jobs} | {ticks} | {} | {} | {:.1}, {way} |",
            lost.from,
            lost.to,
            lost.loss.as_str(),
            lost.until_leader,
            gaps(false),
            gaps(true),
            lost.until_whole,
        );
    }
    let ledger = &run.crowd.ledger;
    let again = session.value("SELECT count(*) FROM effects WHERE attempt > 1");
    let _ = writeln!(
        text,
        "\nJobs whose first attempt was lost with the server: {again}. Replies under a key that were those of an earlier request: {}. \
         Commits that SQL clients know nothing of: {}. What clients were told instead of an answer: {:?}.\n",
        ledger.replayed.load(std::sync::atomic::Ordering::Relaxed),
        ledger.unknown.lock().unwrap().len(),
        ledger.refusals.lock().unwrap(),
    );
    for check in checks {
        let _ = writeln!(text, "{} {}: {}", if check.holds { "holds " } else { "BROKEN" }, check.name, check.found);
    }
    text
}
