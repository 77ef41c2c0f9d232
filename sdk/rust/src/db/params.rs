//! Values of `$1`, `$2`, …: always bound, never spliced.

use serde::ser::{Serialize, SerializeSeq, Serializer};
use serde_json::value::{to_raw_value, RawValue};

use crate::error::Error;
use crate::json;

/// Values for a statement's `$1`, `$2`, …; made by [`params!`](crate::params), or one by one where their number is not known.
///
/// A text goes through the input function of the parameter's type, numbers and booleans as their text, `None` is NULL. A `Vec`
/// becomes an array, a struct or map a row value, and for `json` and `jsonb` any of them is the value itself. JSON has no NaN
/// and no infinities: bind `f.to_string()` where a float may be one.
///
/// ```
/// use alyx_functions::db::Params;
///
/// let mut params = Params::new();
/// for id in [1, 2, 3] {
///     params = params.bind(&id);
/// }
/// assert_eq!(params.len(), 3);
/// ```
#[derive(Debug, Default)]
pub struct Params {
    values: Vec<Box<RawValue>>,
    /// What the first value that cannot be written says: kept until the statement is run, so that `params!` needs no `?`.
    failed: Option<Error>,
}

impl Params {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the value of the next parameter.
    #[must_use]
    pub fn bind<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        match to_raw_value(value) {
            Ok(value) => self.values.push(value),
            Err(error) if self.failed.is_none() => {
                self.failed = Some(json::unwritable(&format!("parameter ${}", self.values.len() + 1), &error));
            }
            Err(_) => {}
        }
        self
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub(super) fn checked(self) -> Result<Values, Error> {
        match self.failed {
            None => Ok(Values(self.values)),
            Some(error) => Err(error),
        }
    }
}

/// Values that can all be sent.
pub(super) struct Values(Vec<Box<RawValue>>);

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        self.0.iter().try_for_each(|value| list.serialize_element(value))?;
        list.end()
    }
}

/// The values of a statement's parameters: `params![title, &slug, None::<i64>]`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        $crate::db::Params::new()$(.bind(&$value))*
    };
}
