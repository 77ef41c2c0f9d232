//! A row, written as an object by column name, read as whatever suits: by names, by order, or as its only value.

use std::cell::Cell;

use serde::de::value::Error as Refusal;
use serde::de::{DeserializeOwned, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::Error;
use crate::json;

/// Reads the row of that number, from 1.
pub(super) fn read<T: DeserializeOwned>(number: usize, text: &RawValue) -> Result<T, Error> {
    let form = Cell::new(Form::Object);
    // What the type asks for decides. It gets nothing here: serde_json reads the row then, with errors that name places.
    let _ = T::deserialize(Probe(&form));
    let what = format!("row {number} of the result");
    match form.get() {
        Form::Object => json::read_value(&what, text.get()),
        Form::List => {
            let values = values(text)?;
            let list = format!("[{}]", values.iter().map(|value| value.get()).collect::<Vec<_>>().join(","));
            json::read_value(&what, &list)
        }
        Form::Single => match values(text)?.as_slice() {
            [only] => json::read_value(&what, only.get()),
            values => Err(Error::new("42804", format!("{what} has {} columns, and its type takes one", values.len()))
                .hint("Read it as a struct by the names of the columns, or as a tuple by their order.")),
        },
    }
}

fn values(text: &RawValue) -> Result<Vec<Box<RawValue>>, Error> {
    struct Values;
    impl<'de> Visitor<'de> for Values {
        type Value = Vec<Box<RawValue>>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a row")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut values = Vec::new();
            while let Some((IgnoredAny, value)) = map.next_entry()? {
                values.push(value);
            }
            Ok(values)
        }
    }
    Ok(serde_json::Deserializer::from_str(text.get()).deserialize_map(Values)?)
}

/// How a type wants its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// By the names of the columns.
    Object,
    /// By their order.
    List,
    /// As the value of the only one.
    Single,
}

/// Writes down what a type asks for, and refuses it.
struct Probe<'a>(&'a Cell<Form>);

impl Probe<'_> {
    fn wants<T>(self, form: Form) -> Result<T, Refusal> {
        self.0.set(form);
        Err(Refusal::custom("a probe"))
    }
}

macro_rules! wants {
    ($form:ident: $($method:ident($($argument:ty),*);)+) => {
        $(fn $method<V: Visitor<'de>>(self, $(_: $argument,)* _: V) -> Result<V::Value, Refusal> {
            self.wants(Form::$form)
        })+
    };
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Refusal;

    wants! { Object:
        deserialize_any();
        deserialize_identifier();
        deserialize_ignored_any();
        deserialize_map();
        deserialize_struct(&'static str, &'static [&'static str]);
    }
    wants! { List:
        deserialize_tuple(usize);
        deserialize_tuple_struct(&'static str, usize);
    }
    wants! { Single:
        deserialize_bool(); deserialize_char(); deserialize_str(); deserialize_string();
        deserialize_i8(); deserialize_i16(); deserialize_i32(); deserialize_i64(); deserialize_i128();
        deserialize_u8(); deserialize_u16(); deserialize_u32(); deserialize_u64(); deserialize_u128();
        deserialize_f32(); deserialize_f64(); deserialize_bytes(); deserialize_byte_buf();
        deserialize_option(); deserialize_seq(); deserialize_unit();
        deserialize_unit_struct(&'static str);
        deserialize_enum(&'static str, &'static [&'static str]);
    }

    /// What is in it asks next. A raw value asks in this way, too, but of nobody: alone it is the object, in a type of one
    /// value that value.
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Refusal> {
        if !name.starts_with("$serde_json::") {
            self.0.set(Form::Single);
        }
        visitor.visit_newtype_struct(self)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Debug;

    use serde::Deserialize;
    use serde_json::{json, Value};

    use super::*;
    use crate::Numeric;

    fn reads<T: DeserializeOwned + Debug + PartialEq>(text: &str, expected: T) {
        let raw = RawValue::from_string(text.to_owned()).unwrap();
        assert_eq!(read::<T>(1, &raw).unwrap(), expected);
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Post {
        id: i64,
        title: Option<String>,
    }
    #[derive(Debug, Deserialize, PartialEq)]
    struct Id(i64);
    #[derive(Debug, Deserialize, PartialEq)]
    struct Whole(Post);
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Status {
        Live,
    }

    #[test]
    fn rows_are_read_as_the_type_wants() {
        let post = r#"{"id": 9007199254740993, "title": null}"#;
        reads(post, Post { id: 9_007_199_254_740_993, title: None });
        reads(post, Whole(Post { id: 9_007_199_254_740_993, title: None }));
        reads(post, (9_007_199_254_740_993_i64, None::<String>));
        reads(post, json!({"id": 9_007_199_254_740_993_i64, "title": null}));
        reads(
            post,
            BTreeMap::from([("id".to_owned(), json!(9_007_199_254_740_993_i64)), ("title".to_owned(), Value::Null)]),
        );
        // SELECT 1, 2: both columns have the same name.
        reads(r#"{"?column?": 1, "?column?": 2}"#, (1, 2));
        reads(r#"{"count": 3}"#, 3_u64);
        reads(r#"{"count": 3}"#, Id(3));
        reads(r#"{"count": null}"#, None::<i64>);
        reads(r#"{"name": "x"}"#, "x".to_owned());
        reads(r#"{"status": "live"}"#, Status::Live);
        reads(r#"{"tags": ["a", "b"]}"#, vec!["a".to_owned(), "b".to_owned()]);
        reads(
            r#"{"sum": 1.00000000000000000000000000001}"#,
            "1.00000000000000000000000000001".parse::<Numeric>().unwrap(),
        );
        reads(r#"{"sum": null}"#, None::<Numeric>);
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let raw = RawValue::from_string(r#"{"id": "x", "n": 1}"#.to_owned()).unwrap();
        assert_eq!(
            read::<Post>(2, &raw).unwrap_err().message(),
            "row 2 of the result does not fit at id: invalid type: string \"x\", expected i64"
        );
        let error = read::<i64>(1, &raw).unwrap_err();
        assert_eq!(
            (error.code(), error.message()),
            ("42804", "row 1 of the result has 2 columns, and its type takes one")
        );
    }
}
