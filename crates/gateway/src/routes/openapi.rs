//! `/openapi.json`: OpenAPI 3.1 of what the request's role could call, made of the manifests' schemas, and of the rest.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::request::Parts;
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::transaction::{ask_as, value};
use crate::caller::Caller;
use crate::gateway::Gateway;
use crate::problem::{Problem, Result};

/// One function, as `alyx._http_functions` tells of it.
#[derive(Deserialize)]
struct Function {
    name: String,
    description: Option<String>,
    input: Option<Value>,
    output: Option<Value>,
    ways: Vec<Way>,
}

/// One path of it.
#[derive(Deserialize)]
struct Way {
    path: Option<String>,
    methods: Vec<String>,
    auth: String,
}

pub(super) async fn document(State(gateway): State<Arc<Gateway>>, parts: Parts) -> Result<Json<Value>> {
    let caller = Caller::known(&gateway, &parts.headers).await?;
    let sql = "SELECT alyx._http_functions()::text";
    let listed = match ask_as(&gateway, &gateway.database, &caller, &parts, sql, &[]).await {
        Ok(rows) => value(&rows),
        // Nobody is let in without a token: then the document has the gateway's own paths only.
        Err(problem) if !caller.is_known() && problem.status() == StatusCode::UNAUTHORIZED => json!([]),
        Err(problem) => return Err(problem),
    };
    let functions: Vec<Function> = serde_json::from_value(listed).map_err(|error| {
        Problem::new(StatusCode::BAD_GATEWAY, format!("the database's answer cannot be read: {error}"))
    })?;
    let mut paths = fixed(&gateway);
    for function in &functions {
        function.describe(&mut paths);
    }
    let server = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let scheme = if gateway.settings.tls.is_some() { "https" } else { "http" };
    Ok(Json(json!({
        "openapi": "3.1.0",
        "info": {
            "title": "alyx_functions",
            "description": "Functions in PostgreSQL over HTTP.",
            "version": env!("CARGO_PKG_VERSION"),
        },
        "servers": [{ "url": server.map_or_else(|| "/".to_owned(), |host| format!("{scheme}://{host}")) }],
        "paths": paths,
        "components": components(),
    })))
}

fn components() -> Value {
    json!({
        "securitySchemes": { "token": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" } },
        "schemas": {
            "Error": {
                "type": "object",
                "required": ["error"],
                "properties": { "error": {
                    "type": "object",
                    "required": ["code", "message"],
                    "properties": {
                        "code": { "type": "string", "description": "SQLSTATE, or PT and the status" },
                        "message": { "type": "string" },
                        "detail": { "type": "string" },
                        "hint": { "type": "string" },
                    },
                } },
            },
            "Items": {
                "type": "object",
                "required": ["items"],
                "properties": { "items": { "type": "array", "items": { "type": "object" } } },
            },
        },
        "responses": {
            "Error": {
                "description": "It did not come to pass. But for 504 and lost connections nothing was changed.",
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
            },
        },
    })
}

impl Function {
    fn describe(&self, paths: &mut Map<String, Value>) {
        for way in &self.ways {
            let below = way.path.as_ref().map(|path| format!("/{path}")).unwrap_or_default();
            let path = format!("/functions/v1/{}{below}", self.name);
            let operations = paths.entry(path).or_insert_with(|| json!({}));
            for method in &way.methods {
                let id = format!("{}_{}{}", method.to_lowercase(), self.name, below.replace(['/', '.', '~'], "_"));
                let operation = self.operation(method, &way.auth, id);
                if let Some(operations) = operations.as_object_mut() {
                    // A hook comes before the way that needs none.
                    operations.entry(method.to_lowercase()).or_insert(operation);
                }
            }
        }
    }

    fn operation(&self, method: &str, auth: &str, id: String) -> Value {
        let answer = json!({
            "description": "What the function answers. Its outcome may choose another status.",
            "content": { "application/json": { "schema": self.output.clone().unwrap_or_else(|| json!({})) } },
        });
        let mut operation = json!({
            "operationId": id,
            "tags": ["functions"],
            "responses": { "200": answer, "default": { "$ref": "#/components/responses/Error" } },
        });
        if let Some(description) = &self.description {
            operation["summary"] = json!(description);
        }
        let security = match auth {
            "none" => json!([]),
            "optional" => json!([{ "token": [] }, {}]),
            _ => json!([{ "token": [] }]),
        };
        operation["security"] = security;
        match method {
            "GET" | "HEAD" | "DELETE" => operation["parameters"] = self.parameters(),
            _ => {
                let schema = self.input.clone().unwrap_or_else(|| json!({}));
                operation["requestBody"] = json!({
                    "required": self.input.is_some(),
                    "content": { "application/json": { "schema": schema } },
                });
                // In words: a header's value is a text whatever its schema says, which tools that read the schema forget.
                operation["description"] = json!(
                    "Under the header Idempotency-Key (1 to 255 visible characters) a request that is sent again is run once."
                );
            }
        }
        operation
    }

    /// Without a body, the query's values are the input.
    fn parameters(&self) -> Value {
        let properties = self.input.as_ref().and_then(|input| input.get("properties")).and_then(Value::as_object);
        let required = self.input.as_ref().and_then(|input| input.get("required")).and_then(Value::as_array);
        let parameters = properties.into_iter().flatten().map(|(name, schema)| {
            let is_required = required.is_some_and(|required| required.iter().any(|listed| listed == name));
            json!({ "name": name, "in": "query", "required": is_required, "schema": schema })
        });
        Value::Array(parameters.collect())
    }
}

/// What is there whatever is deployed.
fn fixed(gateway: &Gateway) -> Map<String, Value> {
    let token = json!([{ "token": [] }]);
    let error = json!({ "$ref": "#/components/responses/Error" });
    let reply = |status: &str, description: &str, schema: Value| {
        json!({ status: { "description": description, "content": { "application/json": { "schema": schema } } },
                "default": error })
    };
    let object = || json!({ "type": "object" });
    let items = || json!({ "$ref": "#/components/schemas/Items" });
    let query = |name: &str, schema: Value| json!({ "name": name, "in": "query", "required": false, "schema": schema });
    // PostgreSQL's texts have no zero byte.
    let text = || json!({ "type": "string", "pattern": "^[^\\u0000]*$", "maxLength": 255 });
    let time = || json!({ "type": "string", "format": "date-time" });
    let count = |most: u32| json!({ "type": "integer", "minimum": 1, "maximum": most });
    let in_path = |name: &str, schema: Value| json!({ "name": name, "in": "path", "required": true, "schema": schema });
    let name = || in_path("name", json!({ "type": "string", "pattern": "^[a-z][a-z0-9_-]{0,62}$" }));
    let id = || in_path("id", json!({ "type": "string", "format": "uuid" }));
    let read = |id: &str, parameters: Vec<Value>, schema: Value| {
        json!({ "get": { "operationId": id, "tags": ["admin"], "security": token, "parameters": parameters,
                         "responses": reply("200", "What the role may see.", schema) } })
    };
    let write = |method: &str, id: &str, parameters: Vec<Value>, body: Option<Value>| {
        let mut operation = json!({ "operationId": id, "tags": ["admin"], "security": token, "parameters": parameters,
                                    "responses": reply("200", "Done.", object()) });
        if let Some(schema) = body {
            operation["requestBody"] =
                json!({ "required": false, "content": { "application/json": { "schema": schema } } });
        }
        json!({ method: operation })
    };
    let open = |id: &str, kind: &str, schema: Value, error: Option<Value>| {
        let mut responses = json!({ "200": { "description": "As it is.", "content": { kind: { "schema": schema } } } });
        if let Some(error) = error {
            responses["503"] = error;
        }
        json!({ "get": { "operationId": id, "tags": ["operations"], "security": [], "responses": responses } })
    };
    let closed =
        |properties: Value| json!({ "type": "object", "additionalProperties": false, "properties": properties });
    let mut paths = Map::new();
    let mut add = |path: &str, operations: Value| match paths.get_mut(path).and_then(Value::as_object_mut) {
        Some(known) => known.extend(operations.as_object().cloned().unwrap_or_default()),
        None => drop(paths.insert(path.to_owned(), operations)),
    };
    add("/healthz", open("healthz", "text/plain", json!({ "type": "string" }), None));
    add("/readyz", open("readyz", "application/json", object(), Some(error.clone())));
    add("/metrics", open("metrics", "application/openmetrics-text", json!({ "type": "string" }), None));
    add(
        "/functions/v1/deploy",
        json!({ "post": {
        "operationId": "deploy", "tags": ["functions"], "security": token,
        "requestBody": { "required": true, "content": { "multipart/form-data": { "schema": {
            "type": "object", "required": ["name", "wasm"],
            "properties": {
                "name": { "type": "string", "pattern": "^[a-z][a-z0-9_-]{0,62}$" },
                "wasm": { "type": "string", "format": "binary" },
                "manifest": { "type": "string" },
            },
        } } } },
        "responses": {
            "200": { "description": "The same is deployed already.", "content": { "application/json": { "schema": object() } } },
            "201": { "description": "A new version.", "content": { "application/json": { "schema": object() } } },
            "default": error,
        },
    } }),
    );
    add("/admin/v1/me", read("me", vec![], object()));
    let page = || query("after", text());
    let of = || query("function", text());
    add("/admin/v1/functions", read("functions", vec![of(), page(), query("limit", count(1000))], items()));
    add(
        "/admin/v1/functions/{name}",
        write("delete", "drop_function", vec![name(), query("cascade", json!({ "type": "boolean" }))], None),
    );
    add("/admin/v1/functions/{name}/versions", read("versions", vec![name()], items()));
    let version = closed(json!({ "version": { "type": "integer", "minimum": 1, "maximum": i32::MAX } }));
    add("/admin/v1/functions/{name}/rollback", write("post", "rollback", vec![name()], Some(version)));
    add("/admin/v1/functions/{name}/pause", write("post", "pause", vec![name()], None));
    add("/admin/v1/functions/{name}/resume", write("post", "resume", vec![name()], None));
    let since = closed(json!({ "since": time() }));
    add("/admin/v1/functions/{name}/replay", write("post", "replay_function", vec![name()], Some(since)));
    let limit = || query("limit", count(500));
    let before = || query("before", time());
    let status = || query("status", text());
    add(
        "/admin/v1/invocations",
        read("invocations", vec![of(), status(), query("trigger", text()), before(), limit()], items()),
    );
    add("/admin/v1/invocations/{id}", read("invocation", vec![id()], object()));
    add("/admin/v1/logs", read("logs", vec![of(), query("level", text()), before(), limit()], items()));
    add("/admin/v1/jobs", read("jobs", vec![of(), status(), limit()], items()));
    add("/admin/v1/jobs/{id}/cancel", write("post", "cancel_job", vec![id()], None));
    add("/admin/v1/dead-jobs", read("dead_jobs", vec![of(), before(), limit()], items()));
    add("/admin/v1/dead-jobs/{id}", write("delete", "discard_job", vec![id()], None));
    add("/admin/v1/dead-jobs/{id}/replay", write("post", "replay_job", vec![id()], None));
    add("/admin/v1/schedules", read("schedules", vec![of(), limit()], items()));
    add("/admin/v1/stats", read("stats", vec![of(), query("limit", count(10_000))], items()));
    add(
        "/admin/v1/stats/minutes",
        read("minutes", vec![of(), query("since", time()), query("limit", count(50_000))], items()),
    );
    if gateway.settings.has_page {
        add("/_admin/functions", open("page", "text/html", json!({ "type": "string" }), None));
    }
    paths
}
