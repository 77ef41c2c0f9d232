//! Where in the claims the role stands, in PostgREST's notation.

use serde_json::Value;

use super::refused::Refused;
use super::settings::ConfigError;

/// PostgreSQL's longest name, in bytes. A longer one would be cut, and the cut name could be another role's.
const NAME_BYTES: usize = 63;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// The way to the role claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RolePath(Vec<Step>);

impl RolePath {
    /// Reads `.key`, `."any key"` and `[index]`, one after the other. What does not begin with a dot is the name of one
    /// top-level claim, whatever characters it has.
    pub(super) fn parse(path: &str) -> Result<Self, ConfigError> {
        let wrong = || ConfigError::RoleClaim(path.to_owned());
        if !path.starts_with('.') {
            let name = (!path.is_empty()).then(|| Step::Key(path.to_owned())).ok_or_else(wrong)?;
            return Ok(Self(vec![name]));
        }
        let mut steps = Vec::new();
        let mut rest = path;
        while !rest.is_empty() {
            let (step, after) = Self::step(rest).ok_or_else(wrong)?;
            steps.push(step);
            rest = after;
        }
        Ok(Self(steps))
    }

    fn step(rest: &str) -> Option<(Step, &str)> {
        if let Some(after) = rest.strip_prefix(".\"") {
            let (key, after) = after.split_once('"')?;
            return Some((Step::Key(key.to_owned()), after));
        }
        if let Some(after) = rest.strip_prefix('.') {
            let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '@');
            let (key, after) = after.split_at(after.find(|c| !plain(c)).unwrap_or(after.len()));
            return (!key.is_empty()).then(|| (Step::Key(key.to_owned()), after));
        }
        let (index, after) = rest.strip_prefix('[')?.split_once(']')?;
        let digits = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
        Some((Step::Index(digits.then(|| index.parse().ok())??), after))
    }

    /// The role, `None` when the claims have nothing at that place.
    ///
    /// # Errors
    /// What stands there is not a string that can be the name of a role. PostgREST would take the JSON text of such a
    /// value for the name.
    pub(super) fn find(&self, claims: &Value) -> Result<Option<String>, Refused> {
        let follow = |value: Option<&Value>| match value {
            None => Ok(None),
            Some(Value::String(role)) if is_name(role) => Ok(Some(role.clone())),
            Some(_) => Err(Refused::RoleClaim),
        };
        follow(self.0.iter().try_fold(claims, |value, step| match step {
            Step::Key(key) => value.as_object()?.get(key),
            Step::Index(index) => value.as_array()?.get(*index),
        }))
    }
}

fn is_name(role: &str) -> bool {
    (1..=NAME_BYTES).contains(&role.len()) && !role.contains('\0')
}
