//! Jobs that make jobs: nobody is stopped from making work for himself, but others' work goes on and the bomb can be put out.
//! Asynchronous triggers that set each other off end at `max_job_depth`: `jobs/hooks`.

use alyx_tests::{Cluster, Db, guest};
use std::sync::OnceLock;

fn cluster() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(|| {
        let cluster = Cluster::preloaded("hostile", &["max_worker_processes=20", "alyx_functions.max_workers=4"]);
        cluster.stop_at_exit();
        cluster
    })
}

/// A database with `task`, whose jobs call `perform(jsonb)`, of the role mallory, and `theirs` of another.
fn house(test: &str, job: &str) -> (Db, String) {
    let mut db = Db::on(cluster().server().clone(), test);
    let (mallory, other) = (db.deployer("mallory"), db.deployer("other"));
    db.run(&format!(
        "CREATE TABLE done (role text DEFAULT current_user); GRANT ALL ON done TO PUBLIC;
         CREATE FUNCTION perform(event jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
             IF event #>> '{{function,name}}' = 'bomb' THEN {job}; END IF;
             INSERT INTO public.done DEFAULT VALUES; END $$"
    ));
    db.session_as(&mallory).deploy("bomb", &guest("task"), "retry: { attempts: 1 }\n");
    db.session_as(&other).deploy("theirs", &guest("task"), "");
    (db, mallory)
}

/// Another role's jobs are done soon, though mallory's are many.
fn assert_others_jobs_run(db: &mut Db) {
    let other = db.value("SELECT owner FROM alyx.functions WHERE name = 'theirs'");
    let mut session = db.session_as(&other);
    for _ in 0..3 {
        let before = db.value(&format!("SELECT count(*) FROM done WHERE role = '{other}'"));
        session.run("SELECT fn_enqueue('theirs')");
        alyx_tests::wait_until("another role's job is done", || {
            db.value(&format!("SELECT count(*) FROM done WHERE role = '{other}'")) != before
        });
    }
}

#[test]
fn a_job_that_makes_two_of_itself_is_put_out_by_its_owner() {
    let (mut db, mallory) = house(
        "hostile_job_bomb",
        "PERFORM public.fn_enqueue('bomb'), public.fn_enqueue('bomb'); PERFORM pg_sleep(0.01)",
    );
    let mut session = db.session_as(&mallory);
    session.run("SELECT fn_enqueue('bomb')");
    alyx_tests::wait_until("there are many", || db.value("SELECT count(*) > 100 FROM alyx._job").starts_with('t'));
    assert_others_jobs_run(&mut db);
    session.run("SELECT fn_pause('bomb')");
    assert_others_jobs_run(&mut db);
    session.run("SELECT count(fn_cancel(id)) FROM alyx.jobs WHERE function = 'bomb'");
    alyx_tests::wait_until("it is out", || {
        session.run("SELECT count(fn_cancel(id)) FROM alyx.jobs WHERE function = 'bomb' AND status <> 'running'");
        db.value("SELECT count(*) FROM alyx._job") == "0"
    });
    assert_others_jobs_run(&mut db);
}

#[test]
fn a_job_that_makes_twenty_thousand_at_once_does_not_stop_the_others() {
    let (mut db, mallory) = house(
        "hostile_job_flood",
        "IF event #>> '{input,flood}' = 'yes' THEN PERFORM public.fn_enqueue('bomb', '{}') FROM generate_series(1, 20000); END IF",
    );
    db.session_as(&mallory).run(r#"SELECT fn_enqueue('bomb', '{"flood": "yes"}')"#);
    alyx_tests::wait_until("there are many", || db.value("SELECT count(*) > 5000 FROM alyx._job").starts_with('t'));
    assert_others_jobs_run(&mut db);
    // A bomb whose function is gone has nothing to run.
    db.session_as(&mallory).run("SELECT fn_drop('bomb', true)");
    assert_others_jobs_run(&mut db);
}
