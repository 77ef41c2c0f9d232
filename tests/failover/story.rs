//! What happens in a run, in order: who is lost, who takes over, who comes back.

use crate::load::{Crowd, seconds};
use crate::nodes::{NAMES, Node, Nodes};
use crate::plan::{Loss, Plan};
use crate::stage::{DATABASE, TOLD, compiled, gateway, token};
use crate::{house::Gateway, nodes, stage};
use alyx_tests::Check;
use std::time::Duration;

/// How long the first start of everything may take.
const SETTING_UP: Duration = Duration::from_secs(180);
/// How long Patroni may take to find another leader.
const TAKING_OVER: Duration = Duration::from_secs(90);
/// How long gateways and jobs may take when there is one.
const GOING_ON: Duration = Duration::from_secs(60);
/// How long a node may take to follow again; it may have to copy everything.
const COMING_BACK: Duration = Duration::from_secs(180);
/// How long the jobs that are left may take.
const LAST_JOBS: Duration = Duration::from_secs(240);

/// How one primary was lost.
pub struct Lost {
    pub loss: Loss,
    pub from: &'static str,
    pub to: &'static str,
    /// When, in seconds since 1970.
    pub at: f64,
    /// Seconds until another took writes.
    pub until_leader: f64,
    /// Seconds until all three followed one leader again.
    pub until_whole: f64,
    /// How the old one came back.
    pub way: &'static str,
}

/// A run that is over; the nodes stand still.
pub struct Run {
    pub losses: Vec<Lost>,
    pub crowd: Crowd,
    /// When the schedules ended.
    pub ended: f64,
    pub leader: &'static str,
    /// What was looked at on the way.
    pub checks: Vec<Check>,
}

/// Says what goes on: a run takes minutes.
fn say(text: &str) {
    eprintln!("  {text}");
}

/// The run.
pub fn perform(plan: &Plan, nodes: &mut Nodes) -> Run {
    let leader = nodes.wait_until_whole(SETTING_UP);
    say(&format!("three nodes run, {leader} leads"));
    stage::furnish(nodes, leader);
    nodes::wait(GOING_ON, "the standbys have all of it", || {
        nodes.all().iter().all(|node| {
            let known = node
                .session(DATABASE)
                .and_then(|mut session| session.attempt("SELECT count(*) FROM alyx._secret_grant"));
            known.is_ok_and(|rows| rows == ["1"])
        })
    });
    let gateways: Vec<Gateway> = (0..2).map(|_| gateway(nodes)).collect();
    let mut checks = first_use(nodes, leader, &gateways[0]);
    let mut admin = nodes.node(leader).server.session(DATABASE);
    stage::begin_schedules(&mut admin);
    drop(admin);
    let addresses: Vec<_> = gateways.iter().map(|gateway| gateway.address).collect();
    let mut crowd = Crowd::start(nodes, &addresses, plan.clients);
    let losses = plan.losses.iter().map(|loss| lose(*loss, plan, nodes, &crowd, &mut checks)).collect();
    std::thread::sleep(plan.calm);
    let have_gone = crowd.end();
    checks.push(Check::new("clients came to an end", have_gone.to_string(), have_gone));
    let leader = nodes.wait_until_whole(COMING_BACK);
    let mut admin = nodes.node(leader).server.session(DATABASE);
    let ended = seconds();
    admin.run("SELECT fn_unschedule(id) FROM alyx.schedules");
    say("waiting for the last jobs");
    let left = "SELECT (SELECT count(*) FROM alyx._job) + (SELECT count(*) FROM alyx._deferred)";
    let are_done = holds_within(LAST_JOBS, || admin.value(left) == "0");
    let found = format!("{} after {:.0} s", admin.value(left), seconds() - ended);
    checks.push(Check::new("jobs left", found, are_done));
    Run { losses, crowd, ended, leader, checks }
}

/// Functions on standbys, which have nothing compiled before.
fn first_use(nodes: &Nodes, leader: &str, gateway: &Gateway) -> Vec<Check> {
    let mut standbys = nodes.all().iter().filter(|node| node.name != leader);
    // The gateway asks the first in its address that takes no writes.
    let (asked, other) = (standbys.next().expect("one of three"), standbys.next().expect("two of three"));
    let before = (compiled(asked), compiled(other));
    let reply = gateway.get("/functions/v1/reader").token(&token("first")).send();
    let found =
        format!("{} {}, compiled modules {} → {}", reply.status, reply.text().trim(), before.0, compiled(asked));
    let is_there =
        reply.status == 200 && reply.json()["port"] == asked.server.port && before.0 == 0 && compiled(asked) > 0;
    let mut checks = vec![Check::new("a GET runs on a standby, which compiles the function", found, is_there)];
    let answers = other.session(DATABASE).and_then(|mut session| {
        session.attempt("SELECT pg_is_in_recovery(), twice(21), fn_invoke('reader') ->> 'standby'")
    });
    let found = format!("{answers:?}, compiled modules {} → {}", before.1, compiled(other));
    let is_there = answers.is_ok_and(|rows| rows == ["t|42|true"]) && before.1 == 0 && compiled(other) > 0;
    checks.push(Check::new("so does SQL, in wasm and JavaScript", found, is_there));
    checks
}

fn lose(loss: Loss, plan: &Plan, nodes: &mut Nodes, crowd: &Crowd, checks: &mut Vec<Check>) -> Lost {
    std::thread::sleep(plan.calm);
    let from = nodes.wait_until_whole(COMING_BACK);
    let at = seconds();
    let mut frozen = Vec::new();
    match loss {
        Loss::Killed => nodes.node_mut(from).kill(),
        Loss::Frozen | Loss::Woken => frozen = nodes.node_mut(from).freeze(),
        Loss::Switched => nodes.switch_over(from),
    }
    say(&format!("{from} is {}", loss.as_str()));
    let to = nodes.wait_for_leader_after(from, TAKING_OVER);
    let until_leader = seconds() - at;
    say(&format!("{to} leads after {until_leader:.1} s"));
    let label = format!("{from} → {to}, {}", loss.as_str());
    let since = seconds();
    let are_back = holds_within(GOING_ON, || {
        crowd
            .watches
            .iter()
            .all(|watch| watch.posts.lock().unwrap().iter().any(|beat| beat.is_answered && beat.began > since))
    });
    checks.push(Check::new(format!("{label}: both gateways answer by themselves"), are_back.to_string(), are_back));
    let done = format!(
        "SELECT count(*) > 20 FROM effects WHERE port = {} AND at > to_timestamp({at})",
        nodes.node(to).server.port
    );
    let go_on = holds_within(GOING_ON, || {
        nodes.node(to).session(DATABASE).and_then(|mut session| session.attempt(&done)).is_ok_and(|rows| rows == ["t"])
    });
    checks.push(Check::new(format!("{label}: jobs go on"), go_on.to_string(), go_on));
    let words = nodes.node(from).patroni_log().len();
    match loss {
        Loss::Frozen => nodes.node_mut(from).kill_frozen(&frozen),
        Loss::Woken => nodes.node_mut(from).wake(&frozen),
        Loss::Killed | Loss::Switched => {}
    }
    if matches!(loss, Loss::Killed | Loss::Frozen) {
        nodes.node_mut(from).start();
    }
    nodes.wait_until_whole(COMING_BACK);
    let until_whole = seconds() - at;
    let log = nodes.node(from).patroni_log();
    let has = |text: &str| log.get(words..).unwrap_or_default().contains(text);
    let way = if has("running pg_rewind") {
        "pg_rewind"
    } else if has("bootstrap from leader") {
        "a new copy"
    } else {
        "its own log"
    };
    say(&format!("{from} follows again after {until_whole:.1} s, by {way}"));
    checks.push(idle(nodes.node(from), &label));
    checks.push(told(nodes, &label));
    Lost { loss, from, to, at, until_leader, until_whole, way }
}

/// Who has come back runs nothing and takes nothing.
fn idle(node: &Node, label: &str) -> Check {
    let mut session = node.server.session(DATABASE);
    let processes = session.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'alyx %'");
    let refusal = session.attempt("SELECT fn_enqueue('work')").err().map(|refusal| refusal.code).unwrap_or_default();
    let found = format!("processes of ours {processes}, fn_enqueue is {refusal}");
    Check::new(format!("{label}: the old one runs no jobs"), found, processes == "0" && refusal == "25006")
}

/// Every node reads the secret with the key that it was given.
fn told(nodes: &Nodes, label: &str) -> Check {
    let ask = "SELECT teller('{\"key\": \"WORD\"}') ->> 'value'";
    let tell =
        |node: &Node| node.session(DATABASE).and_then(|mut session| session.attempt(ask)).unwrap_or_default().join("");
    let told: Vec<String> = nodes.all().iter().map(tell).collect();
    let all = told.iter().filter(|word| *word == TOLD).count();
    Check::new(format!("{label}: nodes that read the secret"), format!("{all} of {}", NAMES.len()), all == NAMES.len())
}

fn holds_within(patience: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = seconds() + patience.as_secs_f64();
    while !condition() {
        if seconds() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    true
}
