//! The statements that write several of the tables alike. `unnest` of several arrays is found by this name alone, whatever
//! the search_path: the parser turns it into pg_catalog's.

macro_rules! insert_into {
    ($table:literal) => {
        concat!(
            "INSERT INTO alyx.",
            $table,
            " (id, function_id, source, role, claims, payload, priority, run_at, rank, ordering_key, dedupe_key, schedule_id, depth) ",
            include_str!("../../sql/queries/new_jobs.sql")
        )
    };
}

/// New jobs that may run now.
pub(super) const INSERT_READY: &str = insert_into!("_job");
/// New jobs whose time has not come.
pub(super) const INSERT_DEFERRED: &str = insert_into!("_deferred");
