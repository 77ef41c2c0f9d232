//! slugify: gives a row a unique, readable slug made from its title.
//!
//! Road: event → words of the title → slugs already taken, asked of the database → `{"row": {"slug": …}}`.
//! It must not know more of the table than two column names; uniqueness itself is the job of the table's constraint.

mod fold;
mod quote;

use extism_pdk::{host_fn, plugin_fn, FnResult, Json};
use quote::quote_identifier;
use serde::{Deserialize, Serialize};
use serde_json::{json, Map, Value};

/// What the function is given: the event of a trigger, `{"title": …}` from an SQL call, or an event with that as its input
/// from a job or the web.
#[derive(Deserialize)]
struct Input {
    database: Option<Change>,
    title: Option<String>,
    input: Option<Asked>,
}

#[derive(Deserialize)]
struct Asked {
    title: Option<String>,
}

/// The `database` block of an event, as far as it is needed here.
#[derive(Deserialize)]
struct Change {
    schema: String,
    table: String,
    /// Trigger arguments: source column and slug column, when they are not called `title` and `slug`.
    #[serde(default)]
    args: Vec<String>,
    new: Map<String, Value>,
}

#[derive(Serialize)]
struct Query {
    sql: String,
    params: Vec<String>,
}

/// What `db_query` answers: rows, or why there are none.
#[derive(Deserialize)]
struct Reply {
    #[serde(default)]
    rows: Vec<Taken>,
    error: Option<SqlError>,
}

#[derive(Deserialize)]
struct Taken {
    slug: String,
}

#[derive(Deserialize)]
struct SqlError {
    message: String,
}

#[host_fn]
extern "ExtismHost" {
    fn db_query(query: Json<Query>) -> Json<Reply>;
}

/// Trigger: the row with its slug, or null to leave the row alone. SQL call: `{"slug": …}`.
#[plugin_fn]
pub fn handler(Json(input): Json<Input>) -> FnResult<Json<Value>> {
    let Some(change) = input.database else {
        let title = input.title.or(input.input.and_then(|asked| asked.title));
        return Ok(Json(json!({ "slug": fold::slug(&title.unwrap_or_default()) })));
    };
    let source = change.args.first().map_or("title", String::as_str);
    let target = change.args.get(1).map_or("slug", String::as_str);

    let chosen_by_writer = change.new.get(target).is_some_and(|slug| !slug.is_null());
    let title = match change.new.get(source) {
        Some(Value::String(title)) if !chosen_by_writer => title,
        _ => return Ok(Json(Value::Null)),
    };

    let slug = fold::slug(title);
    let taken = taken(&change, target, &slug)?;
    Ok(Json(json!({ "row": { target: first_free(slug, &taken) } })))
}

/// Slugs of the table that are `slug` or continue it with a dash.
fn taken(change: &Change, column: &str, slug: &str) -> FnResult<Vec<String>> {
    let column = quote_identifier(column);
    let query = Query {
        sql: format!(
            "SELECT {column} AS slug FROM {}.{} WHERE {column} = $1 OR {column} LIKE $1 || '-%'",
            quote_identifier(&change.schema),
            quote_identifier(&change.table),
        ),
        params: vec![slug.to_owned()],
    };
    // SAFETY: an imported host function; it takes and returns whole blocks that the PDK owns.
    let Json(reply) = unsafe { db_query(Json(query))? };
    match reply.error {
        // Failing after a failed query hands the caller the database's own error, with all its fields.
        Some(error) => Err(extism_pdk::Error::msg(error.message).into()),
        None => Ok(reply.rows.into_iter().map(|row| row.slug).collect()),
    }
}

/// `slug`, or the first of `slug-2`, `slug-3`, … that is not taken.
fn first_free(slug: String, taken: &[String]) -> String {
    let is_free = |candidate: &String| !taken.contains(candidate);
    if is_free(&slug) {
        return slug;
    }
    // One more candidate than there are taken slugs, so one of them is free.
    (2..=taken.len() + 1).map(|number| format!("{slug}-{number}")).find(is_free).unwrap_or(slug)
}

#[cfg(test)]
mod tests {
    use super::first_free;

    #[test]
    fn numbers_fill_gaps() {
        let taken = ["a", "a-2", "a-4", "a-b"].map(String::from);
        assert_eq!(first_free("a".into(), &taken), "a-3");
        assert_eq!(first_free("b".into(), &taken), "b");
        assert_eq!(first_free("a".into(), &["a-2".into()]), "a");
    }
}
