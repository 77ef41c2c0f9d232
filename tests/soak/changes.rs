//! What deployers do: new versions, old versions, no versions, and DDL around them.

use crate::crowd::{Action, Visit, wrong};
use crate::stage::{CHURN, numbered};
use alyx_tests::{Refusal, assemble, guest};

type Outcome = Result<(), Refusal>;

/// What may come of changing what others are changing, too.
const RACING: &[&str] =
    &["42883", "42704", "40P01", "55P03", "42P01", "42710", "42701", "42703", "42P07", "2BP01", "42723"];

/// What a deployer chooses from.
pub const ACTIONS: &[Action] = &[
    Action { name: "deploy", weight: 30, endings: RACING, run: deploy },
    Action { name: "deploy, rolled back", weight: 8, endings: RACING, run: deploy_in_vain },
    Action { name: "deploy, refused", weight: 8, endings: &[], run: deploy_refused },
    Action { name: "roll back", weight: 10, endings: RACING, run: roll_back },
    Action { name: "drop", weight: 5, endings: RACING, run: drop_function },
    Action { name: "set environment", weight: 5, endings: RACING, run: set_env },
    Action { name: "attach", weight: 8, endings: RACING, run: attach },
    Action { name: "detach", weight: 6, endings: RACING, run: detach },
    Action { name: "alter the playground", weight: 8, endings: RACING, run: alter },
    Action { name: "new playground", weight: 3, endings: RACING, run: new_playground },
    Action { name: "look around", weight: 8, endings: &[], run: look },
];

/// One of many modules that differ in a number.
fn module(visit: &mut Visit<'_>) -> Vec<u8> {
    let number = visit.dice.below(200);
    assemble(&numbered(number))
}

fn manifest(visit: &mut Visit<'_>, name: &str) -> String {
    let instances = visit.dice.pick(&["fresh", "transaction", "session"]);
    let hook = match visit.dice.below(4) {
        0 => "hooks: [{type: database, source: public.playground, action: insert}]\n",
        1 => "hooks: [{type: database, source: public.playground, action: [insert, delete], mode: async}]\n",
        2 => "hooks: [{type: schedule, cron: '@every 2s'}]\n",
        _ => "",
    };
    format!("instances: {instances}\nsql: [{{create: '{name}_number() returns int', export: number}}]\n{hook}")
}

fn deploy(visit: &mut Visit<'_>) -> Outcome {
    let (name, module) = (visit.dice.pick(&CHURN), module(visit));
    let manifest = manifest(visit, name);
    visit.session.try_deploy(name, &module, &manifest).map(drop)
}

fn deploy_in_vain(visit: &mut Visit<'_>) -> Outcome {
    visit.session.attempt("BEGIN")?;
    deploy(visit)?;
    visit.session.attempt("ROLLBACK").map(drop)
}

fn deploy_refused(visit: &mut Visit<'_>) -> Outcome {
    let (module, manifest, code) = match visit.dice.below(5) {
        0 => (b"\0asm\x01\0\0\0\xff\xff\xff".to_vec(), "", "22P03"),
        1 => (guest("unknown_import"), "", "0A000"),
        2 => (guest("unknown_host_function"), "", "0A000"),
        3 => (guest("silent"), "nonsense: 1", "22023"),
        _ => (vec![0; 200_000], "", "22P03"),
    };
    match visit.session.try_deploy("refused", &module, manifest) {
        Err(refusal) if refusal.code == code => Ok(()),
        Err(refusal) => Err(refusal),
        Ok(deployed) => Err(wrong(format!("{deployed:?}"))),
    }
}

fn change(visit: &mut Visit<'_>, sql: &str) -> Outcome {
    let name = visit.dice.pick(&CHURN);
    visit.session.attempt(&sql.replace("NAME", name)).map(drop)
}

fn roll_back(visit: &mut Visit<'_>) -> Outcome {
    change(visit, "SELECT fn_rollback('NAME')")
}

fn drop_function(visit: &mut Visit<'_>) -> Outcome {
    change(visit, "SELECT fn_drop('NAME', true)")
}

fn set_env(visit: &mut Visit<'_>) -> Outcome {
    change(visit, "SELECT fn_set_env('NAME', 'KEY', clock_timestamp()::text)")
}

fn attach(visit: &mut Visit<'_>) -> Outcome {
    let how = visit.dice.pick(&[
        "",
        ", timing => 'before'",
        ", mode => 'async'",
        ", for_each => 'statement'",
        ", condition => 'NEW.id > 5'",
    ]);
    change(visit, &format!("SELECT fn_attach('NAME', 'playground', ARRAY['insert']{how})"))
}

fn detach(visit: &mut Visit<'_>) -> Outcome {
    change(visit, "SELECT fn_detach('NAME', 'playground')")
}

fn alter(visit: &mut Visit<'_>) -> Outcome {
    let column = format!("extra_{}", visit.dice.below(4));
    let sql = match visit.dice.below(5) {
        0 => format!("ALTER TABLE playground ADD COLUMN {column} int DEFAULT 1"),
        1 => format!("ALTER TABLE playground DROP COLUMN {column}"),
        2 => "TRUNCATE playground".to_owned(),
        3 => format!("CREATE INDEX playground_{column} ON playground (id)"),
        _ => format!("DROP INDEX playground_{column}"),
    };
    visit.session.attempt(&sql).map(drop)
}

fn new_playground(visit: &mut Visit<'_>) -> Outcome {
    visit
        .session
        .attempt("BEGIN; DROP TABLE playground CASCADE; CREATE TABLE playground (id int, note text); COMMIT")
        .map(drop)
}

/// The views, while all of it changes.
fn look(visit: &mut Visit<'_>) -> Outcome {
    let view = visit.dice.pick(&[
        "functions",
        "versions",
        "hooks",
        "jobs",
        "dead_jobs",
        "schedules",
        "stats",
        "stats_minutes",
    ]);
    visit.session.attempt(&format!("SELECT count(*) FROM (SELECT * FROM alyx.{view}) v"))?;
    visit.session.attempt("SELECT * FROM alyx.invocations LIMIT 20; SELECT * FROM alyx.logs LIMIT 20").map(drop)
}
