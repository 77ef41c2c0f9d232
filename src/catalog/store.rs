//! Writing the catalog: modules, versions, hooks. Nothing here decides; it stores what deploy has checked.

use alyx_runtime::Sha256;

use super::function::{as_owner, sha256};
use crate::error::Error;
use crate::pg::spi::{self, Cell, Param};
use crate::pg::{PgError, Role, current_role, inval};

/// A function's row, read under its lock.
#[derive(Debug)]
pub struct Deployed {
    /// Who owns it.
    pub owner: Role,
    /// Current version, 0 while it is being created.
    pub version: i32,
    /// Schema of its SQL functions.
    pub schema: String,
}

/// One stored version.
#[derive(Debug)]
pub struct Stored {
    /// Its module.
    pub sha256: Sha256,
    /// Its manifest as it was deployed.
    pub manifest: Option<String>,
    /// Its entry point.
    pub export: Option<String>,
}

/// One stored hook.
#[derive(Debug)]
pub struct HookRow {
    /// `database`, `schedule`, `http` or `webhook`.
    pub r#type: &'static str,
    /// The hook as JSON.
    pub definition: String,
    /// The relation of a database hook, as SQL text.
    pub relation: Option<String>,
    /// The trigger that was made for it.
    pub trigger: Option<String>,
}

/// Changes to one function, all in the caller's transaction.
pub struct Transaction<'a> {
    name: &'a str,
}

impl<'a> Transaction<'a> {
    /// Locks the function's row; `None` for the second value when there is none.
    pub fn begin(name: &'a str) -> Result<(Self, Option<Deployed>), PgError> {
        let rows =
            as_owner(|| spi::query(include_str!("../../sql/queries/lock_function.sql"), &[Param::Text(Some(name))]))?;
        let deployed = rows.into_iter().next().map(|row| {
            let mut cells = row.into_iter();
            let mut next = || cells.next().unwrap_or(Cell::Null);
            Deployed {
                owner: Role::from_oid(next().parse().unwrap_or(0)),
                version: next().parse().unwrap_or(0),
                schema: next().text(),
            }
        });
        Ok((Self { name }, deployed))
    }

    fn run(&self, sql: &str, params: &[Param<'_>]) -> Result<(), PgError> {
        as_owner(|| spi::run(sql, params))
    }

    /// Locks the function's row, which is made when there is none: a concurrent first deploy of the same name waits
    /// for this one and goes on as the second version, or as the first when this one is rolled back.
    pub fn begin_new(name: &'a str, schema: &str) -> Result<(Self, Deployed), PgError> {
        let owner = current_role().oid().to_string();
        let params = [Param::Text(Some(name)), Param::Text(Some(&owner)), Param::Text(Some(schema))];
        as_owner(|| spi::run(include_str!("../../sql/queries/store_function.sql"), &params))?;
        match Self::begin(name)? {
            (transaction, Some(deployed)) => Ok((transaction, deployed)),
            (_, None) => Err(Error::Internal("the function's row has gone".into()).into()),
        }
    }

    /// Stores a new version and returns its number.
    pub fn add_version(&self, wasm: &[u8], version: &Stored) -> Result<i32, PgError> {
        let number = self.number(include_str!("../../sql/queries/last_version.sql"), None)?.unwrap_or(0) + 1;
        let by = current_role().oid().to_string();
        self.run(
            include_str!("../../sql/queries/store_module.sql"),
            &[Param::Bytes(&version.sha256.0), Param::Bytes(wasm)],
        )?;
        self.run(
            include_str!("../../sql/queries/store_version.sql"),
            &[
                Param::Text(Some(self.name)),
                Param::Int(number),
                Param::Bytes(&version.sha256.0),
                Param::Text(version.manifest.as_deref()),
                Param::Text(version.export.as_deref()),
                Param::Text(Some(&by)),
            ],
        )?;
        Ok(number)
    }

    fn number(&self, sql: &str, below: Option<i32>) -> Result<Option<i32>, PgError> {
        let mut params = vec![Param::Text(Some(self.name))];
        params.extend(below.map(Param::Int));
        let rows = as_owner(|| spi::query(sql, &params))?;
        Ok(rows.into_iter().next().and_then(|row| row.into_iter().next()).and_then(Cell::parse))
    }

    /// The newest version below this one.
    pub fn version_before(&self, version: i32) -> Result<Option<i32>, PgError> {
        self.number(include_str!("../../sql/queries/previous_version.sql"), Some(version))
    }

    /// One stored version.
    ///
    /// # Errors
    /// 42883 when there is none of this number.
    pub fn version(&self, version: i32) -> Result<Stored, PgError> {
        let params = [Param::Text(Some(self.name)), Param::Int(version)];
        let rows = as_owner(|| spi::query(include_str!("../../sql/queries/read_version.sql"), &params))?;
        let Some(row) = rows.into_iter().next() else {
            return Err(Error::UnknownVersion { name: self.name.to_owned(), version }.into());
        };
        let mut cells = row.into_iter();
        let mut next = || cells.next().unwrap_or(Cell::Null);
        Ok(Stored { sha256: sha256(&next().bytes())?, manifest: next().some(), export: next().some() })
    }

    /// Makes a version current.
    pub fn set_current(&self, version: i32, schema: &str) -> Result<(), PgError> {
        let params = [Param::Text(Some(self.name)), Param::Int(version), Param::Text(Some(schema))];
        self.run(include_str!("../../sql/queries/set_current.sql"), &params)
    }

    /// Sets or (with `None`) clears an environment value.
    pub fn set_env(&self, key: &str, value: Option<&str>) -> Result<(), PgError> {
        let params = [Param::Text(Some(self.name)), Param::Text(Some(key)), Param::Text(value)];
        self.run(include_str!("../../sql/queries/set_env.sql"), &params)
    }

    /// Lets jobs of the function wait, or start again.
    pub fn set_paused(&self, paused: bool) -> Result<(), PgError> {
        let params = [Param::Text(Some(self.name)), Param::Int(i32::from(paused))];
        self.run(include_str!("../../sql/queries/set_paused.sql"), &params)
    }

    /// The triggers that the current hooks made: `(relation, trigger)` as SQL text.
    pub fn hook_triggers(&self) -> Result<Vec<(String, String)>, PgError> {
        let params = [Param::Text(Some(self.name))];
        let rows = as_owner(|| spi::query(include_str!("../../sql/queries/read_hooks.sql"), &params))?;
        let pairs = rows.into_iter().filter_map(|row| {
            let mut cells = row.into_iter().skip(3);
            Some((cells.next()?.some()?, cells.next()?.some()?))
        });
        Ok(pairs.collect())
    }

    /// Replaces all hooks.
    pub fn set_hooks(&self, hooks: &[HookRow]) -> Result<(), PgError> {
        self.run(include_str!("../../sql/queries/drop_hooks.sql"), &[Param::Text(Some(self.name))])?;
        for (at, hook) in hooks.iter().enumerate() {
            let params = [
                Param::Text(Some(self.name)),
                Param::Int(i32::try_from(at + 1).unwrap_or(i32::MAX)),
                Param::Text(Some(hook.r#type)),
                Param::Text(Some(&hook.definition)),
                Param::Text(hook.relation.as_deref()),
                Param::Text(hook.trigger.as_deref()),
            ];
            self.run(include_str!("../../sql/queries/store_hook.sql"), &params)?;
        }
        Ok(())
    }

    /// Deletes the function, what it keeps, its versions and hooks, and modules that nothing refers to any more.
    pub fn delete(&self, id: i64) -> Result<(), PgError> {
        let name = [Param::Text(Some(self.name))];
        self.run(include_str!("../../sql/queries/drop_kv.sql"), &[Param::Big(id)])?;
        self.run(include_str!("../../sql/queries/drop_secret_grants.sql"), &[Param::Big(id)])?;
        self.run(include_str!("../../sql/queries/drop_hooks.sql"), &name)?;
        self.run(include_str!("../../sql/queries/drop_versions.sql"), &name)?;
        self.run(include_str!("../../sql/queries/drop_function.sql"), &name)?;
        self.run(include_str!("../../sql/queries/drop_unused_modules.sql"), &[])
    }

    /// Tells every backend at commit that the function has changed.
    pub fn announce(self) -> Result<(), PgError> {
        inval::announce_change()
    }
}
