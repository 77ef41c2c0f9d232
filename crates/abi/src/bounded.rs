//! Lists of bounded length: a list of small values takes many times its JSON in memory.

use std::marker::PhantomData;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::Query;

/// Most parameters of a statement: Postgres' own limit.
const MAX_PARAMS: usize = 65_535;
/// Most statements of a batch.
const MAX_STATEMENTS: usize = 10_000;

pub(crate) fn params<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<&'de RawValue>, D::Error> {
    deserializer.deserialize_seq(Few::<&RawValue, MAX_PARAMS>(PhantomData))
}

pub(crate) fn statements<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Query<'de>>, D::Error> {
    deserializer.deserialize_seq(Few::<Query<'_>, MAX_STATEMENTS>(PhantomData))
}

/// Reads an array of at most `MAX` members.
struct Few<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Few<T, MAX> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "an array of at most {MAX} members")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut members: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(member) = members.next_element()? {
            if list.len() >= MAX {
                return Err(A::Error::invalid_length(list.len() + 1, &self));
            }
            list.push(member);
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_may_be_as_long_as_its_bound_and_no_longer() {
        let request = |count: usize| format!(r#"{{"sql": "SELECT 1", "params": [{}]}}"#, vec!["0"; count].join(","));
        let within = request(MAX_PARAMS);
        assert_eq!(serde_json::from_str::<Query<'_>>(&within).unwrap().params.len(), MAX_PARAMS);
        let beyond = request(MAX_PARAMS + 1);
        assert!(serde_json::from_str::<Query<'_>>(&beyond).unwrap_err().to_string().contains("at most 65535"));
    }

    #[test]
    fn numbers_keep_every_digit() {
        let text = r#"{"sql": "SELECT $1", "params": [1.00000000000000000000000000001]}"#;
        let query: Query<'_> = serde_json::from_str(text).unwrap();
        assert_eq!(query.params[0].get(), "1.00000000000000000000000000001");
        assert!(query.catch);
    }
}
