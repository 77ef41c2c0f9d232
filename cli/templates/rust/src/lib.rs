//! A slug for each new post, made from its title.

use alyx_functions::{handler, Context, Error};
use serde_json::{json, Value};

/// `Hello, World!` becomes `hello-world`.
fn slug_of(title: &str) -> String {
    let words = title.to_lowercase();
    let words: Vec<&str> = words.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "untitled".to_owned() } else { words.join("-") }
}

#[handler]
fn handler(ctx: Context) -> Result<Value, Error> {
    let title = |from: &Value| from["title"].as_str().unwrap_or_default().to_owned();
    match ctx.row() {
        // Called with an input (`alyx invoke`) there is no row.
        None => Ok(json!({ "slug": slug_of(&title(ctx.input())) })),
        Some(row) if row["slug"].is_null() => Ok(json!({ "row": { "slug": slug_of(&title(row)) } })),
        Some(_) => Ok(Value::Null),
    }
}
