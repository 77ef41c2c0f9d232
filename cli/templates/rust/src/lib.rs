//! A slug for each new post, made from its title.

use alyx_functions::{handler, Context, Error, Outcome};
use serde::Deserialize;
use serde_json::json;

/// What is read of a row, or of an input.
#[derive(Deserialize)]
struct Post {
    title: String,
    slug: Option<String>,
}

/// `Hello, World!` becomes `hello-world`.
fn slug_of(title: &str) -> String {
    let title = title.to_lowercase();
    let words: Vec<&str> = title
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    if words.is_empty() {
        "untitled".to_owned()
    } else {
        words.join("-")
    }
}

#[handler]
fn handler(ctx: Context) -> Result<Outcome, Error> {
    // Called with an input (`alyx invoke`) there is no row.
    let Some(post) = ctx.row_as::<Post>()? else {
        let post: Post = ctx.input_as()?;
        return Ok(Outcome::json(json!({ "slug": slug_of(&post.title) })));
    };
    if post.slug.is_some() {
        return Ok(Outcome::none());
    }
    Ok(Outcome::row(json!({ "slug": slug_of(&post.title) })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alyx_functions::testing;

    #[test]
    fn a_new_post_gets_a_slug() {
        let ctx = testing::event(json!({
            "database": { "op": "INSERT", "timing": "BEFORE", "level": "ROW", "new": { "title": "Hello, World!", "slug": null } },
        }));
        let output = testing::output(&ctx, handler(ctx.clone())).unwrap();
        assert_eq!(output, Some(json!({ "row": { "slug": "hello-world" } })));
    }
}
