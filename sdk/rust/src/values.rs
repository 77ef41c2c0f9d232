//! Values of SQL that Rust or JSON have no exact type for.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use serde::de::{Deserializer, Error as _, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::Error;

/// A `numeric` with every digit: its text, as `12.50`, `NaN` or `Infinity`.
///
/// JSON's numbers have any number of digits, `f64` and [`serde_json::Value`] have 17. This type reads all of them, from a
/// number or a text; `parse` makes the decimal type of your choice of it. It is written as a text, which PostgreSQL takes for
/// a `numeric` and which no JSON library rounds. It must be read by `serde_json` itself: not in a member with
/// `#[serde(flatten)]` and not in an untagged enum.
///
/// ```
/// use alyx_functions::Numeric;
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Account { balance: Numeric }
///
/// let account: Account = serde_json::from_str(r#"{"balance": 100000000000000000000.01}"#)?;
/// assert_eq!(account.balance.as_str(), "100000000000000000000.01");
/// assert_eq!(serde_json::to_string(&account)?, r#"{"balance":"100000000000000000000.01"}"#);
/// let rounded: f64 = account.balance.parse()?;
/// # assert!(rounded > 99.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Numeric(String);

impl Numeric {
    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Numeric {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Numeric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Values that PostgreSQL has and JSON has not.
fn is_special(text: &str) -> bool {
    ["NaN", "Infinity", "-Infinity"].contains(&text)
}

impl FromStr for Numeric {
    type Err = Error;

    /// # Errors
    /// 22P02 when it is not a number as JSON writes it, `NaN`, `Infinity` or `-Infinity`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let first = text.bytes().next().unwrap_or_default();
        let is_number = (first == b'-' || first.is_ascii_digit())
            && !text.ends_with(|last: char| last.is_whitespace())
            && serde_json::from_str::<&RawValue>(text).is_ok();
        if is_number || is_special(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::new("22P02", format!("invalid input for a numeric: {text:?}")))
    }
}

macro_rules! from_integers {
    ($($type:ty),+) => {
        $(impl From<$type> for Numeric {
            fn from(number: $type) -> Self {
                Self(number.to_string())
            }
        })+
    };
}
from_integers!(i16, i32, i64, i128, u16, u32, u64, u128);

impl<'de> Deserialize<'de> for Numeric {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Numeric;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }
            fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Numeric, D::Error> {
                let raw = Box::<RawValue>::deserialize(deserializer)?;
                // NaN, and numbers that were cast to text for the sake of their digits.
                let text = serde_json::from_str::<String>(raw.get());
                text.as_deref().unwrap_or(raw.get()).parse().map_err(|error: Error| D::Error::custom(error.message()))
            }
        }
        // As a newtype, so that whoever reads rows sees that it is one value.
        deserializer.deserialize_newtype_struct("Numeric", Read)
    }
}

/// Bytes of a `bytea` parameter or column, which are a text like `\x4142` in JSON.
///
/// ```
/// use alyx_functions::Bytea;
///
/// assert_eq!(serde_json::to_string(&Bytea(b"AB".to_vec()))?, r#""\\x4142""#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bytea(pub Vec<u8>);

impl Serialize for Bytea {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(2 + 2 * self.0.len());
        text.push_str("\\x");
        for byte in &self.0 {
            text.extend([byte >> 4, byte & 15].iter().filter_map(|digit| char::from_digit(u32::from(*digit), 16)));
        }
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Bytea {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.strip_prefix("\\x").map(str::as_bytes);
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let bytes =
            digits.filter(|digits| digits.len() % 2 == 0).and_then(|digits| digits.chunks(2).map(byte).collect());
        bytes.map(Self).ok_or_else(|| {
            D::Error::custom("this is no bytea: it should begin with \\x and go on with pairs of hexadecimal digits")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numerics_keep_their_digits() {
        for text in ["1", "-0.10", "1e400", "123456789012345678901234567890.123456789"] {
            assert_eq!(serde_json::from_str::<Numeric>(text).unwrap().as_str(), text);
        }
        for text in ["\"NaN\"", "\"-Infinity\"", "\"1.50\""] {
            let number: Numeric = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&number).unwrap(), text);
        }
        assert_eq!(Numeric::from(u128::MAX).as_str(), "340282366920938463463374607431768211455");
        for text in ["", " 1", "1 ", "x", "1;", "null", "[1]", "\"1\"", "infinity", "--1", "0x1"] {
            assert!(text.parse::<Numeric>().is_err(), "{text:?}");
        }
        for text in ["null", "true", "{}", "\"x\""] {
            assert!(serde_json::from_str::<Numeric>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bytes_are_hexadecimal() {
        let bytes: Bytea = serde_json::from_str(r#""\\x00fFa0""#).unwrap();
        assert_eq!(bytes.0, [0, 255, 160]);
        assert_eq!(serde_json::to_string(&bytes).unwrap(), r#""\\x00ffa0""#);
        for text in [r#""""#, r#""00""#, r#""\\x0""#, r#""\\x0g""#, r#""\\xé""#, "1"] {
            assert!(serde_json::from_str::<Bytea>(text).is_err(), "{text}");
        }
    }
}
