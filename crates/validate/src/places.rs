//! Every subschema of a schema: where it is, and how it is entered from another.

use serde_json::Value;

/// How a keyword holds subschemas, and whether they look at the same value or at one inside it.
#[derive(Clone, Copy)]
enum Holds {
    One,
    List,
    Map,
}

const KEYWORDS: &[(&str, Holds, Way)] = &[
    ("allOf", Holds::List, Way::InPlace),
    ("anyOf", Holds::List, Way::InPlace),
    ("oneOf", Holds::List, Way::InPlace),
    ("not", Holds::One, Way::InPlace),
    ("if", Holds::One, Way::InPlace),
    ("then", Holds::One, Way::InPlace),
    ("else", Holds::One, Way::InPlace),
    ("dependentSchemas", Holds::Map, Way::InPlace),
    ("dependencies", Holds::Map, Way::InPlace),
    ("properties", Holds::Map, Way::Inside),
    ("patternProperties", Holds::Map, Way::Inside),
    ("additionalProperties", Holds::One, Way::Inside),
    ("unevaluatedProperties", Holds::One, Way::Inside),
    ("propertyNames", Holds::One, Way::Inside),
    ("items", Holds::One, Way::Inside),
    ("prefixItems", Holds::List, Way::Inside),
    ("unevaluatedItems", Holds::One, Way::Inside),
    ("additionalItems", Holds::One, Way::Inside),
    ("contains", Holds::One, Way::Inside),
    ("contentSchema", Holds::One, Way::Never),
    ("$defs", Holds::Map, Way::Never),
    ("definitions", Holds::Map, Way::Never),
];

/// Keywords that name schemas elsewhere, or resolve while a value is checked.
const REFUSED: &[&str] =
    &["$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$vocabulary"];

/// Which value a subschema is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The value that the schema around it is held against.
    InPlace,
    /// A part of it.
    Inside,
    /// None, unless a reference leads there.
    Never,
}

/// A subschema.
#[derive(Debug)]
pub(crate) struct Place {
    /// JSON Pointer to it.
    pub(crate) pointer: String,
    /// What it refers to, as written.
    pub(crate) reference: Option<String>,
    /// A keyword that it must not have.
    pub(crate) refused: Option<&'static str>,
    /// The schema around it, by its index, and how it is entered from there.
    pub(crate) parent: Option<(usize, Way)>,
}

/// Each subschema that is an object, the outer before the inner. Those without a keyword of their own, `true` and `false`,
/// lead nowhere.
pub(crate) fn all(schema: &Value) -> Vec<Place> {
    let mut places = Vec::new();
    enter(schema, String::new(), None, &mut places);
    places
}

fn enter(schema: &Value, pointer: String, parent: Option<(usize, Way)>, places: &mut Vec<Place>) {
    let Value::Object(members) = schema else { return };
    let index = places.len();
    let reference = members.get("$ref").and_then(Value::as_str).map(str::to_owned);
    let refused = REFUSED.iter().find(|keyword| members.contains_key(**keyword)).copied();
    places.push(Place { pointer: pointer.clone(), reference, refused, parent });
    for (keyword, holds, way) in KEYWORDS {
        let at = format!("{pointer}/{keyword}");
        let parent = Some((index, *way));
        match (members.get(*keyword), holds) {
            (Some(schema), Holds::One) => enter(schema, at, parent, places),
            (Some(Value::Array(list)), Holds::List) => {
                for (i, schema) in list.iter().enumerate() {
                    enter(schema, format!("{at}/{i}"), parent, places);
                }
            }
            (Some(Value::Object(map)), Holds::Map) => {
                for (name, schema) in map {
                    enter(schema, format!("{at}/{}", escape(name)), parent, places);
                }
            }
            _ => {}
        }
    }
}

/// A name as a part of a JSON Pointer.
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
