//! `/_admin/functions`: the page, which is part of this program. What it shows it asks `/admin/v1` for, with the token of
//! whoever looks at it.

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderValue, header};

use crate::problem::{Problem, Result};

const INDEX: &[u8] = include_bytes!("../../page/dist/index.html");
const SCRIPT: &[u8] = include_bytes!("../../page/dist/page.js");
const STYLE: &[u8] = include_bytes!("../../page/dist/page.css");

/// Nothing but the page's own files: no script in data, no frame around it, no form to elsewhere.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

pub(super) async fn index() -> Response {
    file(INDEX, "text/html; charset=utf-8")
}

/// The page's own addresses are relative to it.
pub(super) async fn without_slash() -> Redirect {
    Redirect::permanent("/_admin/functions")
}

pub(super) async fn asset(Path(name): Path<String>) -> Result<Response> {
    match name.as_str() {
        "page.js" => Ok(file(SCRIPT, "text/javascript; charset=utf-8")),
        "page.css" => Ok(file(STYLE, "text/css; charset=utf-8")),
        _ => Err(Problem::not_found(&format!("/_admin/functions/{name}"))),
    }
}

fn file(bytes: &'static [u8], kind: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        // Small files of one release: asked for again each time rather than stale after an update.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, bytes).into_response()
}
