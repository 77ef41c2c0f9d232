//! What a guest was granted: the part of a deployed function that host functions ask about. A host function cannot
//! look anywhere else, because this is all that it is given.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::CStr;
use std::rc::Rc;

use alyx_fetch::AllowList;
use alyx_manifest::{DatabaseAccess, LogPolicy};
use alyx_secret::Zeroizing;

use crate::pg::Role;
use crate::settings;

/// The grants of one version of a function.
pub struct Grants {
    /// What its entries belong to.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: i32,
    /// The line that CONTEXT shows: function, version and export.
    pub label: String,
    /// The same, for Postgres.
    pub context: Rc<CStr>,
    /// Who owns it.
    pub owner: Role,
    /// Where its SQL functions are.
    pub schema: String,
    /// Whether its SQL runs as the owner, whoever calls.
    pub runs_as_owner: bool,
    /// What its SQL may do.
    pub database: DatabaseAccess,
    /// Its environment.
    pub env: BTreeMap<String, String>,
    /// The secrets that its manifest lists.
    pub secret_names: Vec<String>,
    /// Those of them that it was granted, sealed.
    pub secrets: BTreeMap<String, Vec<u8>>,
    /// Those of them that were opened.
    pub opened: RefCell<BTreeMap<String, Zeroizing<String>>>,
    /// Where its HTTP requests may go.
    pub allowed: AllowList,
    /// Whether it may make them while a writer waits for its trigger.
    pub http_in_transaction: bool,
    /// Host functions of other names, and the deployed functions that answer them.
    pub host_functions: BTreeMap<String, String>,
    /// Which log lines are kept.
    pub log: LogPolicy,
}

impl Grants {
    /// The role whose rights the guest has when `caller` calls.
    pub fn role_for(&self, caller: Role) -> Role {
        caller.acting_for(self.owner, self.runs_as_owner, settings::superuser_guard())
    }
}
