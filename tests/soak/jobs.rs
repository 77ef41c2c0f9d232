//! What operators do: jobs in masses, jobs that fail, and what is done with jobs that wait or are dead.

use crate::crowd::{Action, Visit};
use alyx_tests::Refusal;

type Outcome = Result<(), Refusal>;

/// What an operator chooses from. What becomes of the jobs of work() is proved at the end, so none of them is discarded.
pub const ACTIONS: &[Action] = &[
    Action { name: "storm of jobs", weight: 12, endings: &[], run: storm },
    Action { name: "jobs, rolled back", weight: 6, endings: &[], run: in_vain },
    Action { name: "keys and times", weight: 12, endings: &[], run: keys },
    Action { name: "doomed jobs", weight: 10, endings: &[], run: doomed },
    Action { name: "deaf jobs", weight: 3, endings: &[], run: deaf },
    Action { name: "cancel a job", weight: 10, endings: &[], run: cancel },
    Action { name: "replay", weight: 3, endings: &["40P01"], run: replay },
    Action { name: "discard", weight: 6, endings: &[], run: discard },
    Action { name: "pause and resume", weight: 4, endings: &[], run: pause },
    Action { name: "schedule", weight: 3, endings: &[], run: schedule },
    Action { name: "unschedule", weight: 4, endings: &[], run: unschedule },
];

fn run(visit: &mut Visit<'_>, sql: &str) -> Outcome {
    visit.session.attempt(sql).map(drop)
}

fn storm(visit: &mut Visit<'_>) -> Outcome {
    let number = 1 + visit.dice.below(60);
    run(
        visit,
        &format!(
            "INSERT INTO asked SELECT fn_enqueue('work', jsonb_build_object('n', i)), i FROM generate_series(1, {number}) i"
        ),
    )
}

fn in_vain(visit: &mut Visit<'_>) -> Outcome {
    run(
        visit,
        "BEGIN; INSERT INTO asked SELECT fn_enqueue('work', jsonb_build_object('n', i)), i FROM generate_series(1, 30) i; ROLLBACK",
    )
}

fn keys(visit: &mut Visit<'_>) -> Outcome {
    let (key, number) = (visit.dice.below(5), visit.dice.below(1000));
    run(visit, &format!(
        "INSERT INTO asked SELECT fn_enqueue('work', '{{\"n\": {number}}}', ordering_key => 'order {key}'), {number};
         INSERT INTO asked SELECT fn_enqueue('work', '{{\"n\": {number}}}', now() + '{key} s', priority => {key}), {number};
         SELECT fn_enqueue('lazy', dedupe_key => 'once {key}')"
    ))
}

fn doomed(visit: &mut Visit<'_>) -> Outcome {
    run(visit, "SELECT fn_enqueue('doomed') FROM generate_series(1, 3)")
}

fn deaf(visit: &mut Visit<'_>) -> Outcome {
    run(visit, "SELECT fn_enqueue('deaf')")
}

fn cancel(visit: &mut Visit<'_>) -> Outcome {
    run(visit, "SELECT fn_cancel(id) FROM (SELECT id FROM alyx.jobs ORDER BY random() LIMIT 1) j")
}

fn replay(visit: &mut Visit<'_>) -> Outcome {
    run(
        visit,
        "SELECT fn_replay(id) FROM (SELECT id FROM alyx.dead_jobs WHERE function IN ('work', 'doomed') ORDER BY random() LIMIT 3) j",
    )
}

fn discard(visit: &mut Visit<'_>) -> Outcome {
    run(
        visit,
        "SELECT fn_discard(id) FROM (SELECT id FROM alyx.dead_jobs WHERE function NOT IN ('work', 'notify') LIMIT 20) j",
    )
}

fn pause(visit: &mut Visit<'_>) -> Outcome {
    run(visit, "SELECT fn_pause('lazy'); SELECT pg_sleep(0.2); SELECT fn_resume('lazy')")
}

fn schedule(visit: &mut Visit<'_>) -> Outcome {
    let overlap = visit.dice.pick(&["skip", "queue", "allow"]);
    run(visit, &format!("SELECT fn_schedule('tick', '@every 1s', overlap => '{overlap}')"))
}

fn unschedule(visit: &mut Visit<'_>) -> Outcome {
    run(
        visit,
        "SELECT fn_unschedule(id) FROM alyx.schedules WHERE function = 'tick' AND hook IS NULL ORDER BY random() LIMIT 1",
    )
}
