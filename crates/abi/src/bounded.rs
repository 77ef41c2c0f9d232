//! Lists of bounded length: a list of small values takes many times its JSON in memory.

use std::borrow::Cow;
use std::marker::PhantomData;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
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

/// Most headers of a request.
const MAX_HEADERS: usize = 1_000;

/// A text that stays where it is when it can.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The value of a header, or several.
#[derive(Deserialize)]
#[serde(untagged, expecting = "the value of a header: a string or an array of strings")]
enum Values<'a> {
    One(#[serde(borrow)] Text<'a>),
    Several(#[serde(borrow)] Vec<Text<'a>>),
}

type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

pub(crate) fn headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Pairs<'de>, D::Error> {
    struct Headers;
    impl<'de> Visitor<'de> for Headers {
        type Value = Pairs<'de>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "an object of at most {MAX_HEADERS} headers")
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
            let mut pairs = Vec::new();
            while let Some((Text(name), values)) = members.next_entry::<Text<'de>, Values<'de>>()? {
                match values {
                    Values::One(Text(value)) => pairs.push((name, value)),
                    Values::Several(values) => {
                        pairs.extend(values.into_iter().map(|Text(value)| (name.clone(), value)))
                    }
                }
                if pairs.len() > MAX_HEADERS {
                    return Err(A::Error::invalid_length(pairs.len(), &self));
                }
            }
            Ok(pairs)
        }
    }
    deserializer.deserialize_any(Headers)
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
    fn headers_keep_their_order_and_may_have_several_values() {
        let text = r#"{"url": "u", "headers": {"b": "1", "a": ["2", "3\n"]}}"#;
        let fetch: crate::Fetch<'_> = serde_json::from_str(text).unwrap();
        let pairs: Vec<(&str, &str)> = fetch.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(pairs, [("b", "1"), ("a", "2"), ("a", "3\n")]);
        let many = format!(r#"{{"url": "u", "headers": {{"a": [{}]}}}}"#, vec!["\"\""; MAX_HEADERS + 1].join(","));
        assert!(serde_json::from_str::<crate::Fetch<'_>>(&many).is_err());
        assert!(
            serde_json::from_str::<crate::Fetch<'_>>(r#"{"url": "u", "headers": null}"#).unwrap().headers.is_empty()
        );
        assert!(serde_json::from_str::<crate::Fetch<'_>>(r#"{"url": "u", "headers": {"a": 1}}"#).is_err());
    }

    #[test]
    fn numbers_keep_every_digit() {
        let text = r#"{"sql": "SELECT $1", "params": [1.00000000000000000000000000001]}"#;
        let query: Query<'_> = serde_json::from_str(text).unwrap();
        assert_eq!(query.params[0].get(), "1.00000000000000000000000000001");
        assert!(query.catch);
    }
}
