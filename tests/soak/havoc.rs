//! What killers do: cancel anybody, terminate those who can come again, workers too.

use crate::crowd::{Action, VISITOR, Visit};
use crate::stage::Stage;
use alyx_tests::Refusal;

type Outcome = Result<(), Refusal>;

/// What a killer chooses from.
pub const ACTIONS: &[Action] = &[
    Action { name: "cancel a client", weight: 12, endings: &[], run: cancel_client },
    Action { name: "terminate a client", weight: 6, endings: &[], run: terminate_client },
    Action { name: "cancel a worker", weight: 4, endings: &[], run: cancel_worker },
    Action { name: "terminate a worker", weight: 1, endings: &[], run: terminate_worker },
    Action { name: "new key for secrets", weight: 1, endings: &[], run: rotate },
];

/// Does it to one session, chosen by chance among those that a condition names.
fn hit(visit: &mut Visit<'_>, what: &str, whom: &str) -> Outcome {
    let sql =
        format!("SELECT {what}(pid) FROM (SELECT pid FROM pg_stat_activity WHERE {whom} ORDER BY random() LIMIT 1) s");
    visit.session.attempt(&sql).map(drop)
}

fn cancel_client(visit: &mut Visit<'_>) -> Outcome {
    hit(visit, "pg_cancel_backend", "state = 'active' AND application_name IN ('soak steady', 'soak visitor')")
}

fn terminate_client(visit: &mut Visit<'_>) -> Outcome {
    hit(visit, "pg_terminate_backend", "application_name = 'soak visitor'")
}

fn cancel_worker(visit: &mut Visit<'_>) -> Outcome {
    hit(visit, "pg_cancel_backend", "backend_type = 'alyx worker'")
}

fn terminate_worker(visit: &mut Visit<'_>) -> Outcome {
    hit(visit, "pg_terminate_backend", "backend_type = 'alyx worker'")
}

/// Every secret is sealed anew while guests read it.
fn rotate(visit: &mut Visit<'_>) -> Outcome {
    visit.session.attempt("SELECT fn_rotate_secret_key()").map(drop)
}

/// Ends the sessions of clients that should have left by themselves.
pub fn terminate_all(stage: &Stage) {
    if let Ok(mut session) = stage.session("postgres", "soak end") {
        let _ = session.attempt(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name IN ('{VISITOR}', '{}')",
            crate::crowd::STEADY
        ));
    }
}
