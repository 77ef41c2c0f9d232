//! Secrets: set, granted, and encrypted anew under another key. Values go in here and never come out.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use alyx_secret::{KeyFile, Keys, SHORTEST, Zeroizing};

use super::{deploy, require_language_usage, required};
use crate::catalog::secrets;
use crate::error::Error;
use crate::host::{key_file, unreadable, unusable};
use crate::pg::backend::{Level, report};
use crate::pg::{Call, PgError, Reply, interrupt, inval};

/// Longest name and value, in bytes.
const LONGEST_KEY: usize = 255;
const LONGEST_VALUE: usize = 64 * 1024;
/// How long a rotation waits for another one.
const PATIENCE: Duration = Duration::from_secs(10);

/// `_set_secret(key text, value text)`.
pub(super) fn set(call: &mut Call<'_>) -> Result<Reply, PgError> {
    require_language_usage()?;
    let key = required(call, 0, "key")?;
    check_key(&key)?;
    let Some(value) = call.text(1)?.map(Zeroizing::new) else {
        secrets::require_owned(&key)?;
        secrets::drop(&key)?;
        inval::announce_change()?;
        return Ok(Reply::NULL);
    };
    if !(SHORTEST..=LONGEST_VALUE).contains(&value.len()) {
        return Err(Error::InvalidArgument {
            message: format!("a secret must have {SHORTEST} to {LONGEST_VALUE} bytes"),
            hint: Some("A shorter one could not be kept out of logs.".to_owned()),
        }
        .into());
    }
    secrets::store(&key, &seal(&keys()?, &key, &value)?)?;
    inval::announce_change()?;
    Ok(Reply::NULL)
}

/// `_grant_secret(key text, name text, granted boolean)`.
pub(super) fn grant(call: &mut Call<'_>) -> Result<Reply, PgError> {
    let key = required(call, 0, "key")?;
    let name = required(call, 1, "name")?;
    let granted = call.scalar(2, crate::pg::Scalar::Bool).is_some_and(|bits| bits != 0);
    deploy::check_name(&name)?;
    secrets::require_owned(&key)?;
    // The function may be somebody else's, whose deploys must not wait for us: its row is not locked.
    if !granted {
        secrets::revoke(&key, &name)?;
    } else if !secrets::grant(&key, &name)? {
        let text = format!("function \"{name}\" is not deployed yet; the grant of secret \"{key}\" waits for it");
        report(Level::Warning, &text)?;
    }
    inval::announce_change()?;
    Ok(Reply::NULL)
}

/// `_rotate_secret_key()` → how many secrets were encrypted anew. Who may is said by EXECUTE.
pub(super) fn rotate(_call: &mut Call<'_>) -> Result<Reply, PgError> {
    let sealed = secrets::all()?;
    let old = keys()?;
    // All are opened before anything is changed.
    let open = |(key, sealed): (String, Vec<u8>)| match old.open(&key, &sealed) {
        Ok(value) => Ok((key, value)),
        Err(why) => Err(unreadable(&key, why)),
    };
    let values: Vec<(String, Zeroizing<String>)> = sealed.into_iter().map(open).collect::<Result<_, _>>()?;
    // The file is ahead of the table from here on, which does no harm: it holds the old keys as well.
    let new = in_turn(|| key_file().rotate())?;
    for (key, value) in &values {
        secrets::reseal(key, &seal(&new, key, value)?)?;
    }
    inval::announce_change()?;
    Ok(Reply::big(i64::try_from(values.len()).unwrap_or(i64::MAX)))
}

/// The server's keys. The file is made with the first secret; a file that is missing later is not replaced.
fn keys() -> Result<Keys, PgError> {
    let file = key_file();
    let keys = match file.read() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if secrets::exist()? {
                // Lost, or made since it was looked for, by whoever set the first secret at the same time.
                file.read()
            } else {
                report_new(&file)?;
                file.create()
            }
        }
        read => read,
    };
    keys.map_err(|error| unusable(&error))
}

/// Other databases of this server may hold secrets whose key file is lost: let it be seen that there is a new one.
fn report_new(file: &KeyFile) -> Result<(), PgError> {
    let text = format!("alyx_functions: there is no key file of secrets at \"{}\"; making one", file.path().display());
    report(Level::Log, &text)
}

/// Tries until another database's rotation, which takes milliseconds, is over.
fn in_turn(mut rotate: impl FnMut() -> std::io::Result<Keys>) -> Result<Keys, PgError> {
    let begin = Instant::now();
    loop {
        match rotate() {
            Err(error) if error.kind() == ErrorKind::WouldBlock && begin.elapsed() < PATIENCE => {}
            done => return done.map_err(|error| unusable(&error)),
        }
        if let Some(error) = interrupt::raise_pending() {
            return Err(error);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn seal(keys: &Keys, key: &str, value: &str) -> Result<Vec<u8>, PgError> {
    keys.seal(key, value.as_bytes()).ok_or_else(|| Error::Internal("no random numbers".to_owned()).into())
}

fn check_key(key: &str) -> Result<(), PgError> {
    let mut bytes = key.bytes();
    let is_good = key.len() <= LONGEST_KEY
        && bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if is_good {
        return Ok(());
    }
    Err(Error::InvalidArgument {
        message: format!("invalid name of a secret \"{key}\""),
        hint: Some("A name has up to 255 letters, digits and \"_\", and does not start with a digit.".to_owned()),
    }
    .into())
}

/// Gives a function that becomes current what waited for it, and says what of its manifest's secrets it lacks.
pub(super) fn settle(name: &str, listed: &[String], is_first: bool) -> Result<(), PgError> {
    if is_first {
        secrets::adopt_grants(name)?;
    }
    if listed.is_empty() {
        return Ok(());
    }
    for key in secrets::missing(name, listed)? {
        let text = format!(
            "function \"{name}\" cannot read secret \"{key}\" before its owner has run SELECT fn_grant_secret('{key}', '{name}')"
        );
        report(Level::Warning, &text)?;
    }
    Ok(())
}
