//! Sealed secrets and who may read them, as rows. Nothing here can open one.

use super::function::as_owner;
use crate::error::Error;
use crate::pg::spi::{self, Cell, Param};
use crate::pg::{PgError, Role, current_role};

fn current_oid() -> String {
    current_role().oid().to_string()
}

/// Stores a secret; the first to set it owns it.
///
/// # Errors
/// 42501 when it is another role's.
pub fn store(key: &str, sealed: &[u8]) -> Result<(), PgError> {
    let by = current_oid();
    let params = [Param::Text(Some(key)), Param::Text(Some(&by)), Param::Bytes(sealed)];
    let rows = as_owner(|| spi::query(include_str!("../../sql/queries/store_secret.sql"), &params))?;
    if rows.is_empty() { Err(not_owner(key)) } else { Ok(()) }
}

/// Makes sure that the current role has the rights of a secret's owner, and keeps the secret from changing hands.
///
/// # Errors
/// 42704 when there is none, 42501 when it is another role's.
pub fn require_owned(key: &str) -> Result<(), PgError> {
    let sql = include_str!("../../sql/queries/find_secret.sql");
    let rows = as_owner(|| spi::query(sql, &[Param::Text(Some(key))]))?;
    let owner = rows.into_iter().flatten().next().and_then(Cell::parse);
    match owner.map(Role::from_oid) {
        None => Err(Error::UnknownSecret(key.to_owned()).into()),
        Some(owner) if current_role().has_rights_of(owner) => Ok(()),
        Some(_) => Err(not_owner(key)),
    }
}

fn not_owner(key: &str) -> PgError {
    let hint = Some("It belongs to the role that set it first.".to_owned());
    Error::NotAllowed { message: format!("must be owner of secret \"{key}\""), hint }.into()
}

/// Drops a secret and its grants.
pub fn drop(key: &str) -> Result<(), PgError> {
    as_owner(|| spi::run(include_str!("../../sql/queries/drop_secret.sql"), &[Param::Text(Some(key))]))
}

/// Lets a function read a secret, now or as soon as it is deployed; whether it is there already.
pub fn grant(key: &str, function: &str) -> Result<bool, PgError> {
    let params = [Param::Text(Some(key)), Param::Text(Some(function))];
    let rows = as_owner(|| spi::query(include_str!("../../sql/queries/grant_secret.sql"), &params))?;
    Ok(rows.into_iter().flatten().next().and_then(Cell::some).is_some())
}

/// Takes a secret from a function.
pub fn revoke(key: &str, function: &str) -> Result<(), PgError> {
    let params = [Param::Text(Some(key)), Param::Text(Some(function))];
    as_owner(|| spi::run(include_str!("../../sql/queries/revoke_secret.sql"), &params))
}

/// Gives a function that has just been deployed for the first time what was waiting for it.
pub fn adopt_grants(function: &str) -> Result<(), PgError> {
    let by = current_oid();
    let params = [Param::Text(Some(function)), Param::Text(Some(&by))];
    as_owner(|| spi::run(include_str!("../../sql/queries/adopt_secret_grants.sql"), &params))
}

/// Those of these secrets that the function was not granted.
pub fn missing(function: &str, keys: &[String]) -> Result<Vec<String>, PgError> {
    let keys: Vec<Option<&str>> = keys.iter().map(|key| Some(key.as_str())).collect();
    let params = [Param::Text(Some(function)), Param::Texts(&keys)];
    let rows = as_owner(|| spi::query(include_str!("../../sql/queries/missing_secrets.sql"), &params))?;
    Ok(rows.into_iter().flatten().map(Cell::text).collect())
}

/// Whether this database holds any.
pub fn exist() -> Result<bool, PgError> {
    let rows = as_owner(|| spi::query(include_str!("../../sql/queries/has_secrets.sql"), &[]))?;
    Ok(rows.into_iter().flatten().next().is_some_and(|exists| exists.is_true()))
}

/// All secrets of this database, locked until the transaction ends: name and sealed value.
pub fn all() -> Result<Vec<(String, Vec<u8>)>, PgError> {
    let rows = as_owner(|| spi::query(include_str!("../../sql/queries/all_secrets.sql"), &[]))?;
    let pair = |row: Vec<Cell>| {
        let mut cells = row.into_iter();
        Some((cells.next()?.text(), cells.next()?.bytes()))
    };
    Ok(rows.into_iter().filter_map(pair).collect())
}

/// Puts a sealed value in the place of another.
pub fn reseal(key: &str, sealed: &[u8]) -> Result<(), PgError> {
    let params = [Param::Text(Some(key)), Param::Bytes(sealed)];
    as_owner(|| spi::run(include_str!("../../sql/queries/reseal_secret.sql"), &params))
}
