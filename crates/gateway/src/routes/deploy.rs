//! `POST /functions/v1/deploy`: a form with `name`, `wasm` and perhaps `manifest` becomes a version, as the token's role.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use serde_json::Value;
use tokio_postgres::types::Type;

use super::functions::client;
use super::transaction::{ask_as, somebody, text, value};
use crate::gateway::Gateway;
use crate::message::read;
use crate::problem::{Problem, Result};

const DEPLOY: &str = "SELECT alyx._deploy($1, $2, $3)::text";

/// The fields of the form.
#[derive(Default)]
struct Form {
    name: Option<String>,
    wasm: Option<Bytes>,
    manifest: Option<String>,
}

pub(super) async fn deploy(State(gateway): State<Arc<Gateway>>, request: Request) -> Result<Response> {
    let (parts, body) = request.into_parts();
    // Asked before megabytes are read.
    let caller = somebody(&gateway, &parts).await?;
    let body = read(&gateway, &parts, body, gateway.settings.max_deploy, || client(&caller, &parts)).await?;
    let form = Form::of(&parts.headers, body.bytes.clone()).await?;
    let (Some(name), Some(wasm)) = (form.name, form.wasm) else {
        return Err(Problem::bad_request("the form needs the fields \"name\" and \"wasm\"")
            .hint("curl -F name=slugify -F wasm=@slugify.wasm -F manifest=@function.yaml"));
    };
    let wasm: &[u8] = &wasm;
    let parameters = [text(&name), (&wasm, Type::BYTEA), text(&form.manifest)];
    let rows = ask_as(&gateway, &gateway.database, &caller, &parts, DEPLOY, &parameters).await?;
    let deployed = value(&rows);
    let is_new = deployed.get("changed").and_then(Value::as_bool).unwrap_or(false);
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(deployed)).into_response())
}

impl Form {
    async fn of(headers: &HeaderMap, body: Bytes) -> Result<Self> {
        let wrong = |why: String| Problem::bad_request(format!("the form cannot be read: {why}"));
        let mut request = http::Request::builder().method(Method::POST);
        if let Some(kind) = headers.get(header::CONTENT_TYPE) {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        let mut request = request.body(Body::from(body)).map_err(|error| wrong(error.to_string()))?;
        // Its size has been looked at; axum's own bound is for those who have not.
        axum::extract::DefaultBodyLimit::disable().apply(&mut request);
        let mut fields = Multipart::from_request(request, &()).await.map_err(|error| wrong(error.body_text()))?;
        let mut form = Self::default();
        while let Some(field) = fields.next_field().await.map_err(|error| wrong(error.body_text()))? {
            let name = field.name().unwrap_or_default().to_owned();
            let data = field.bytes().await.map_err(|error| wrong(error.body_text()))?;
            let as_text = || String::from_utf8(data.to_vec()).map_err(|_| wrong(format!("{name} is no UTF-8 text")));
            let is_again = match name.as_str() {
                "name" => form.name.replace(as_text()?).is_some(),
                "manifest" => form.manifest.replace(as_text()?).is_some(),
                "wasm" => form.wasm.replace(data).is_some(),
                _ => {
                    return Err(
                        wrong(format!("there is no field {name:?}")).hint("Fields are name, wasm and manifest.")
                    );
                }
            };
            if is_again {
                return Err(wrong(format!("field {name:?} is there twice")));
            }
        }
        Ok(form)
    }
}
