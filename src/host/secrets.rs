//! Secrets that guests were given: opened when they are asked for, and kept out of everything that is written about it.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io::ErrorKind;
use std::path::PathBuf;

use alyx_secret::{KeyFile, Redactor, Unreadable, Zeroizing};

use super::grants::Grants;
use crate::error::Error;
use crate::pg::PgError;
use crate::settings;

/// The key file where nothing else is set; processes of Postgres live in the data directory.
const USUAL_FILE: &str = "alyx_functions.key";

thread_local! {
    // Every secret that any guest of this process was given: a function may pass one on to another.
    static GIVEN: RefCell<Redactor> = RefCell::default();
}

/// The server's key file.
pub fn key_file() -> KeyFile {
    KeyFile::at(settings::secrets_key_file().unwrap_or_else(|| PathBuf::from(USUAL_FILE)))
}

/// Why the key file cannot be used.
pub fn unusable(error: &std::io::Error) -> PgError {
    let why = match error.kind() {
        ErrorKind::NotFound => "there is none".to_owned(),
        ErrorKind::WouldBlock => "its keys are being changed by somebody else".to_owned(),
        _ => error.to_string(),
    };
    Error::SecretsUnavailable {
        message: format!("the key file of secrets cannot be used: {why}"),
        hint: "A superuser finds its place in alyx_functions.secrets_key_file; empty means alyx_functions.key in the data directory. Put the file back from where it was kept.".to_owned(),
    }
    .into()
}

/// Why a secret cannot be opened.
pub fn unreadable(key: &str, why: Unreadable) -> PgError {
    let (what, hint) = match why {
        Unreadable::NoKey => {
            ("no key of this server has encrypted it", "Put its key back into the key file, or set the secret again.")
        }
        Unreadable::Damaged => ("it is not what was stored under this name", "Set the secret again."),
    };
    Error::SecretsUnavailable { message: format!("secret \"{key}\" cannot be read: {what}"), hint: hint.to_owned() }
        .into()
}

/// The value of a secret that the manifest lists; `None` when it lists none of this name.
///
/// # Errors
/// 42501 when it was not granted, 55000 when it cannot be opened.
pub(super) fn value(function: &Grants, key: &str) -> Result<Option<Zeroizing<String>>, PgError> {
    if !function.secret_names.iter().any(|name| name == key) {
        return Ok(None);
    }
    let Some(sealed) = function.secrets.get(key) else {
        return Err(Error::NotAllowed {
            message: format!("function \"{}\" was not granted secret \"{key}\"", function.name),
            hint: Some(format!("The owner of the secret can: SELECT fn_grant_secret('{key}', '{}').", function.name)),
        }
        .into());
    };
    if let Some(value) = function.opened.borrow().get(key) {
        return Ok(Some(value.clone()));
    }
    let keys = key_file().read().map_err(|error| unusable(&error))?;
    let value = keys.open(key, sealed).map_err(|why| unreadable(key, why))?;
    GIVEN.with_borrow_mut(|given| given.add(&value));
    function.opened.borrow_mut().insert(key.to_owned(), value.clone());
    Ok(Some(value))
}

/// The text without any secret that a guest of this process was given.
pub fn redact(text: &str) -> Cow<'_, str> {
    // Never borrowed here already; were it, it would be better to say nothing.
    GIVEN.with(|given| given.try_borrow().map_or(Cow::Borrowed("[secret]"), |given| given.redact(text)))
}

/// The same for every field of an error.
pub fn redact_error(error: &mut PgError) {
    for field in error.texts_mut() {
        if let Cow::Owned(clean) = redact(field) {
            *field = clean;
        }
    }
}
