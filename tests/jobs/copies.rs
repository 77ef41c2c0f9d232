//! A copy of the data directory, or of a database, holds the same jobs and schedules as where it comes from: they run in
//! one place.

use crate::house::{House, SETTINGS};
use alyx_tests::{Cluster, Session, wait_until};
use std::thread;
use std::time::Duration;

/// The poll that would wake a manager which waits.
const QUICK: &str = "alyx_functions.poll_interval=200ms";

fn settings() -> Vec<&'static str> {
    SETTINGS.iter().copied().filter(|setting| !setting.contains("poll_interval")).chain([QUICK]).collect()
}

fn ticks(session: &mut Session) -> u32 {
    session.value("SELECT count(*) FROM effects WHERE n = 1000").parse().unwrap()
}

fn doctor(session: &mut Session) -> String {
    session.rows("SELECT state, detail, hint FROM fn_doctor() WHERE item = 'enabled'").concat()
}

/// A schedule that fires each second, a job that waits for later.
fn fill(house: &mut House) {
    house.run(
        r#"SELECT fn_schedule('task', '@every 1s', overlap => 'allow', missed => 'skip', input => '{"n": 1000}')"#,
    );
    house.wait_for("SELECT count(*) > 0 FROM effects WHERE n = 1000", "t");
}

#[test]
fn a_copy_of_the_data_directory_lets_them_wait_until_it_is_told() {
    let mut house = House::alone("original", &settings());
    let name = house.name().to_owned();
    fill(&mut house);
    house.cluster().stop("fast");
    let copy = Cluster::copy_of(house.cluster(), "jobs_copy", &settings());
    house.cluster().begin();
    let mut copied = copy.server().session(&name);
    let (mut before, mut original) = (ticks(&mut copied), house.session());
    wait_until("the original goes on", || ticks(&mut original) > before + 2);
    assert_eq!(ticks(&mut copied), before, "the copy has fired");
    copied.run("SELECT fn_enqueue('task', '{\"n\": 7}')");
    thread::sleep(Duration::from_millis(500));
    assert_eq!(copied.value("SELECT count(*) FROM effects WHERE n = 7"), "0");
    let said = doctor(&mut copied);
    assert!(
        said.starts_with("warning|")
            && said.contains("this data directory is a copy")
            && said.contains("fn_adopt_copy()"),
        "{said}"
    );
    assert!(doctor(&mut original).starts_with("ok|"), "{}", doctor(&mut original));
    let (log, _) = copy.server().log_since(0);
    assert_eq!(log.matches("fn_adopt_copy").count(), 1, "it is said, and once");
    // Records are kept while jobs wait.
    copied.run("SELECT fn_invoke('task', '{\"n\": 8}')");
    wait_until("its record is kept", || {
        copied.value("SELECT count(*) FROM alyx.invocations WHERE trigger = 'sql'") == "1"
    });

    assert_eq!(copied.value("SELECT fn_adopt_copy()"), "t");
    wait_until("the job runs", || copied.value("SELECT count(*) FROM effects WHERE n = 7") == "1");
    wait_until("the schedule goes on", || ticks(&mut copied) > before + 2);
    assert!(doctor(&mut copied).starts_with("ok|"));
    assert_eq!(copied.value("SELECT fn_adopt_copy()"), "f", "it is none any more");
    copy.stop("fast");
    copy.begin();
    copied = copy.server().session(&name);
    before = ticks(&mut copied);
    wait_until("after a restart too", || ticks(&mut copied) > before);
    drop((copied, original));
}

#[test]
fn a_database_made_from_another_lets_them_wait() {
    let mut house = House::alone("template", &settings());
    fill(&mut house);
    let (name, mut session) = (house.name().to_owned(), house.cluster().server().session("postgres"));
    // CREATE DATABASE wants the template for itself.
    house.leave();
    wait_until("the template is free", || {
        session.attempt(&format!("CREATE DATABASE \"{name}_copy\" TEMPLATE \"{name}\"")).is_ok()
    });
    let mut copied = house.cluster().server().session(&format!("{name}_copy"));
    let before = ticks(&mut copied);
    let mut original = house.cluster().server().session(&name);
    wait_until("the original goes on", || ticks(&mut original) > before + 2);
    assert_eq!(ticks(&mut copied), before, "the copy has fired");
    let said = doctor(&mut copied);
    assert!(said.starts_with("warning|") && said.contains("this database is a copy of another"), "{said}");
    drop((copied, original, session));
}

#[test]
fn copies_run_where_the_server_says_so() {
    let mut house = House::alone("willing", &settings());
    let name = house.name().to_owned();
    fill(&mut house);
    house.cluster().stop("fast");
    let copy = Cluster::copy_of(
        house.cluster(),
        "jobs_willing_copy",
        &[&settings()[..], &["alyx_functions.run_copies=on"]].concat(),
    );
    let mut copied = copy.server().session(&name);
    let before = ticks(&mut copied);
    wait_until("the copy fires", || ticks(&mut copied) > before);
    drop(copied);
    house.cluster().begin();
}

#[test]
fn a_template_in_which_nobody_has_anything_to_do_is_no_original() {
    let house = House::alone("empty_template", &settings());
    let mut admin = house.cluster().server().session("postgres");
    admin.run("CREATE DATABASE mold");
    let mut mold = house.cluster().server().session("mold");
    mold.run("CREATE EXTENSION alyx_functions");
    wait_until("its manager has settled", || mold.value("SELECT count(*) FROM alyx._home") == "1");
    drop(mold);
    wait_until("the template is free", || admin.attempt("CREATE DATABASE tenant TEMPLATE mold").is_ok());
    let mut tenant = house.cluster().server().session("tenant");
    wait_until("jobs run there", || doctor(&mut tenant).starts_with("ok|"));
    drop((tenant, admin));
}
