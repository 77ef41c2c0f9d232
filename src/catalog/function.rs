//! A deployed function as a value, cached by name until a deploy is announced.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use alyx_manifest::{Manifest, RunAs};
use alyx_runtime::{Limits, Sha256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::Error;
use crate::pg::current::Current;
use crate::pg::spi::{self, Param};
use crate::pg::{PgError, Role, RoleScope, current_role, inval};
use crate::settings;

/// Most elements of all tables of one instance together.
const MAX_TABLE_ELEMENTS: u32 = 1_000_000;
/// Most bytes in Extism variables, Extism's own default.
const MAX_VAR_BYTES: u32 = 1 << 20;

/// JavaScript that came with CREATE FUNCTION.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// An ES module.
    pub bundle: String,
    /// Lines that were put before the user's own.
    pub lines_before: u32,
}

/// A deployed function at its current version.
#[derive(Debug)]
pub struct Function {
    /// What jobs, schedules and statistics belong to: never given to another function, whatever its name.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Who deployed it first.
    pub owner: Role,
    /// Current version.
    pub version: i32,
    /// Schema of its SQL functions.
    pub schema: String,
    /// Its module.
    pub sha256: Sha256,
    /// The JavaScript that it is made of, for a function that is not deployed but written in CREATE FUNCTION.
    pub source: Option<Source>,
    /// The export to call; `None` for a module of scalar functions only.
    pub export: Option<String>,
    /// What its manifest says.
    pub manifest: Manifest,
    /// The manifest's environment with what fn_set_env put over it.
    pub env: BTreeMap<String, String>,
    /// What it was granted of the secrets that its manifest lists, sealed, by name.
    pub secrets: BTreeMap<String, Vec<u8>>,
    /// What it was granted of the secrets that prove its webhooks, sealed, by name; guests are not given these.
    pub webhook_secrets: BTreeMap<String, Vec<u8>>,
    /// Whether its jobs wait.
    pub is_paused: bool,
    /// OID of the SQL function `name(jsonb)` that deploy made, if it is there; looked for when it is first asked for.
    pub sql_function: OnceCell<Option<u32>>,
}

impl Function {
    /// The manifest's limits under the ceilings of the settings.
    pub fn limits(&self) -> Limits {
        Limits {
            memory_bytes: self.manifest.memory_bytes.min(settings::max_memory_bytes()),
            table_elements: MAX_TABLE_ELEMENTS,
            output_bytes: settings::max_output_bytes(),
            host_call_bytes: settings::max_host_call_bytes(),
            log_bytes: settings::max_log_bytes(),
            var_bytes: MAX_VAR_BYTES,
        }
    }

    /// Wall-clock limit in milliseconds.
    #[inline]
    pub fn timeout_ms(&self) -> u64 {
        self.manifest.timeout_ms.min(settings::max_timeout_ms())
    }

    /// Whether an instance of `other` may serve this one: the same code with the same rights and environment. A
    /// version number does not tell, once a name has been dropped and deployed anew.
    pub fn runs_like(&self, other: &Self) -> bool {
        (self.id, self.version, self.owner, self.sha256) == (other.id, other.version, other.owner, other.sha256)
            && self.manifest == other.manifest
            && self.env == other.env
            && self.secrets == other.secrets
            && self.schema == other.schema
    }

    /// The role whose rights its guests have when `caller` calls.
    pub fn role_for(&self, caller: Role) -> Role {
        caller.acting_for(self.owner, self.manifest.run_as == RunAs::Owner, settings::superuser_guard())
    }

    /// Whether `role` may call it by name.
    pub fn may_be_called_by(&self, role: Role) -> Result<bool, PgError> {
        if role.has_rights_of(self.owner) {
            return Ok(true);
        }
        let found = match self.sql_function.get() {
            Some(found) => *found,
            None => {
                let found = self.find_sql_function()?;
                *self.sql_function.get_or_init(|| found)
            }
        };
        Ok(found.is_some_and(|oid| role.may_execute(oid)))
    }

    fn find_sql_function(&self) -> Result<Option<u32>, PgError> {
        let sql = include_str!("../../sql/queries/find_entry_function.sql");
        let params =
            [Param::Text(Some(&self.name)), Param::Text(Some(&self.schema)), Param::Big(i64::from(self.owner.oid()))];
        let rows = as_owner(|| spi::query_latest(sql, &params))?;
        Ok(rows.into_iter().flatten().next().and_then(spi::Cell::parse))
    }
}

thread_local! {
    static FUNCTIONS: RefCell<Current<String, Rc<Function>>> = RefCell::new(Current::new());
    static NAMES: RefCell<Current<i64, String>> = RefCell::new(Current::new());
}

/// Runs catalog SQL with the rights of the extension's owner.
pub fn as_owner<T>(work: impl FnOnce() -> Result<T, PgError>) -> Result<T, PgError> {
    let (_, owner) = inval::find_catalog()?;
    let _scope = RoleScope::internal(owner);
    work()
}

/// The function of this name.
///
/// # Errors
/// 42883 when there is none.
pub fn find(name: &str) -> Result<Rc<Function>, PgError> {
    let generation = inval::functions();
    if let Some(function) = FUNCTIONS.with_borrow_mut(|functions| functions.get(name)) {
        return Ok(function);
    }
    let function = Rc::new(read(name)?);
    drop(NAMES.with_borrow_mut(|names| names.keep(generation, function.id, name.to_owned())));
    drop(FUNCTIONS.with_borrow_mut(|functions| functions.keep(generation, name.to_owned(), Rc::clone(&function))));
    Ok(function)
}

/// The function of this id; `None` when it has been dropped.
pub fn find_by_id(id: i64) -> Result<Option<Rc<Function>>, PgError> {
    let known = NAMES
        .with_borrow_mut(|names| names.get(&id))
        .and_then(|name| FUNCTIONS.with_borrow_mut(|functions| functions.get(&name)))
        .filter(|function| function.id == id);
    if known.is_some() {
        return Ok(known);
    }
    let rows =
        as_owner(|| spi::query_latest(include_str!("../../sql/queries/find_function_name.sql"), &[Param::Big(id)]))?;
    match rows.into_iter().flatten().next().and_then(spi::Cell::some) {
        Some(name) => find(&name).map(|function| (function.id == id).then_some(function)),
        None => Ok(None),
    }
}

fn read(name: &str) -> Result<Function, PgError> {
    let rows = as_owner(|| {
        spi::query_latest(include_str!("../../sql/queries/find_function.sql"), &[Param::Text(Some(name))])
    })?;
    let Some(row) = rows.into_iter().next() else { return Err(Error::UnknownFunction(name.to_owned()).into()) };
    let mut cells = row.into_iter();
    let mut next = || cells.next().unwrap_or(spi::Cell::Null);
    let name = next().text();
    let owner = Role::from_oid(next().parse().unwrap_or(0));
    let version = next().parse().unwrap_or(0);
    let sha256 = sha256(&next().bytes())?;
    let manifest = match next().some() {
        // It was checked when it was deployed; an error here means that a dump of a newer release was restored.
        Some(text) => alyx_manifest::parse(&text).map_err(Error::from)?,
        None => Manifest::default(),
    };
    let export = next().some();
    let overrides: BTreeMap<String, String> = serde_json::from_str(&next().text()).unwrap_or_default();
    let schema = next().text();
    let id = next().parse().unwrap_or(0);
    let is_paused = next().is_true();
    let wants_secrets = !manifest.secrets.is_empty() || manifest.webhook_secrets().next().is_some();
    let granted = if wants_secrets { granted_secrets(id)? } else { BTreeMap::new() };
    let opened = |is_wanted: &dyn Fn(&str) -> bool| -> BTreeMap<String, Vec<u8>> {
        let wanted = granted.iter().filter(|(key, _)| is_wanted(key));
        wanted.map(|(key, sealed)| (key.clone(), from_base64(sealed))).collect()
    };
    let secrets = opened(&|key| manifest.secrets.iter().any(|listed| listed == key));
    let webhook_secrets = opened(&|key| manifest.webhook_secrets().any(|listed| listed == key));
    let mut env = manifest.env.clone();
    env.extend(overrides);
    Ok(Function {
        id,
        name,
        owner,
        version,
        schema,
        sha256,
        source: None,
        export,
        manifest,
        env,
        secrets,
        webhook_secrets,
        is_paused,
        sql_function: OnceCell::new(),
    })
}

/// Ciphertext of what a function was granted, by name.
fn granted_secrets(id: i64) -> Result<BTreeMap<String, String>, PgError> {
    let sql = include_str!("../../sql/queries/find_granted_secrets.sql");
    let rows = as_owner(|| spi::query_latest(sql, &[Param::Big(id)]))?;
    let found = rows.into_iter().flatten().next().map(spi::Cell::text).unwrap_or_default();
    Ok(serde_json::from_str(&found).unwrap_or_default())
}

/// What `encode(…, 'base64')` wrote; nothing when it is damaged, which nobody can open.
fn from_base64(text: &str) -> Vec<u8> {
    let one_line: Vec<u8> = text.bytes().filter(|byte| *byte != b'\n').collect();
    STANDARD.decode(one_line).unwrap_or_default()
}

pub(super) fn sha256(bytes: &[u8]) -> Result<Sha256, PgError> {
    bytes.try_into().map(Sha256).map_err(|_| Error::Internal("module hash in the catalog is damaged".into()).into())
}

/// The bytes of a module.
pub fn wasm(sha256: &Sha256) -> Result<Vec<u8>, PgError> {
    let rows =
        as_owner(|| spi::query_latest(include_str!("../../sql/queries/find_module.sql"), &[Param::Bytes(&sha256.0)]))?;
    rows.into_iter()
        .next()
        .and_then(|row| row.into_iter().next())
        .map(spi::Cell::bytes)
        .ok_or_else(|| Error::Internal(format!("module {sha256} is not in the catalog")).into())
}

/// The function of this name, if the current role has the rights of its owner.
///
/// # Errors
/// 42883 when there is none, 42501 when it is someone else's.
pub fn require_owned(name: &str) -> Result<Rc<Function>, PgError> {
    let function = find(name)?;
    if current_role().has_rights_of(function.owner) {
        return Ok(function);
    }
    Err(Error::NotAllowed {
        message: format!("must be owner of function \"{name}\""),
        hint: Some(format!("It belongs to role \"{}\".", function.owner.name())),
    }
    .into())
}
