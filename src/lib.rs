//! `alyx_functions`: WebAssembly functions inside PostgreSQL. ARCHITECTURE.md has the map; the one road is `invoke`.

mod api;
mod catalog;
mod error;
mod host;
mod invoke;
mod language;
mod pg;
mod queue;
mod record;
mod settings;
mod worker;

pgrx::pg_module_magic!();

pgrx::extension_sql_file!("../sql/schema.sql", name = "schema", bootstrap);
pgrx::extension_sql_file!("../sql/api.sql", name = "api", requires = ["schema"]);
pgrx::extension_sql_file!("../sql/jobs.sql", name = "jobs", requires = ["api"]);
pgrx::extension_sql_file!("../sql/records.sql", name = "records", requires = ["schema", "api"]);
pgrx::extension_sql_file!("../sql/keep.sql", name = "keep", requires = ["schema", "api"]);
pgrx::extension_sql_file!("../sql/http.sql", name = "http", requires = ["schema", "api"]);
pgrx::extension_sql_file!("../sql/doctor.sql", name = "doctor", requires = ["jobs", "records", "keep", "http"]);

/// Called once by Postgres when the library is loaded: by a backend, or by the postmaster that preloads it.
#[allow(missing_docs, reason = "the attribute drops the comment above")]
#[pgrx::pg_guard]
pub extern "C-unwind" fn _PG_init() {
    pg::entry::install_panic_hook();
    pg::utility::install_hook();
    pg::transaction::install_hook();
    settings::define();
    if pg::shmem::is_preloading() {
        pg::ticks::calibrate();
        settings::define_shared();
        record::define();
        queue::define();
        worker::define();
        invoke::define();
        pg::shmem::install_hooks();
    }
}
