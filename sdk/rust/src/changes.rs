//! Which columns of a row a handler has changed.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::error::Error;
use crate::json;
use crate::members::Members;

/// The output for a row that a handler gives back; `before` is the one that it was given, where that counts. `None` when
/// nothing has changed.
pub(crate) fn outcome(before: Option<&str>, columns: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    #[derive(Serialize)]
    struct Row<'a> {
        row: Members<'a>,
    }
    let mut columns: Members<'_> = serde_json::from_slice(columns)
        .map_err(|_| Error::msg("the outcome's row is no struct, map or object of columns"))?;
    if let Some(before) = before {
        let before = Members::of(before.as_bytes());
        let before: BTreeMap<&str, &str> = before.0.iter().map(|(name, value)| (&**name, value.get())).collect();
        columns.0.retain(|(name, value)| before.get(&**name).is_none_or(|before| !is_same(before, value.get())));
        if columns.0.is_empty() {
            return Ok(None);
        }
    }
    json::write("the outcome", &Row { row: columns }).map(Some)
}

/// Whether a value is the one that came: as it was written, or as it is written after having been a [`Value`], where a
/// number keeps some 17 digits and the members of an object lose their order.
fn is_same(before: &str, after: &str) -> bool {
    let rewritten = || serde_json::from_str::<Value>(before).map(|value| value.to_string());
    before == after || rewritten().is_ok_and(|text| text == after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_sent() {
        let before =
            r#"{"id": 9007199254740993, "price": 0.12345678901234567890, "tags": {"b": 1, "a": [1.50]}, "slug": null}"#;
        let mut row: Value = serde_json::from_str(before).unwrap();
        let sent = |row: &Value| {
            outcome(Some(before), row.to_string().as_bytes()).unwrap().map(|bytes| String::from_utf8(bytes).unwrap())
        };
        assert_eq!(sent(&row), None);
        row["slug"] = "x".into();
        assert_eq!(sent(&row).as_deref(), Some(r#"{"row":{"slug":"x"}}"#));
        row["id"] = 9_007_199_254_740_992_u64.into();
        assert_eq!(sent(&row).as_deref(), Some(r#"{"row":{"id":9007199254740992,"slug":"x"}}"#));
    }

    #[test]
    fn every_digit_of_a_change_counts() {
        let before = r#"{"price": 1.00000000000000000001}"#;
        let sent = |price: &str| outcome(Some(before), format!(r#"{{"price":{price}}}"#).as_bytes()).unwrap();
        let changed = br#"{"row":{"price":"1.00000000000000000002"}}"#;
        assert_eq!(sent(r#""1.00000000000000000002""#).unwrap(), changed);
        assert_eq!(sent("1.00000000000000000001"), None);
    }

    #[test]
    fn a_text_is_no_number_and_no_null() {
        for (before, after) in [("null", "\"null\""), ("1", "\"1\""), ("true", "\"true\""), ("\"\"", "null")] {
            assert!(!is_same(before, after) && !is_same(after, before), "{before} {after}");
        }
        assert!(is_same(r#"{"b":1,"a":[1.50]}"#, r#"{"a":[1.5],"b":1}"#) && is_same("\"é\"", "\"é\""));
    }

    #[test]
    fn a_row_is_an_object() {
        let error = outcome(None, b"[1]").unwrap_err();
        assert!(error.message().contains("object of columns"), "{error}");
        assert_eq!(outcome(None, br#"{"a": 1}"#).unwrap().unwrap(), br#"{"row":{"a":1}}"#);
    }
}
