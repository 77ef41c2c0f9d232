//! The top level of a manifest.

use std::collections::BTreeMap;

use super::{hook, policy};
use crate::error::{At, quoted};
use crate::field::Field;
use crate::fields::Fields;
use crate::yaml::Node;
use crate::{
    Build, DatabaseAccess, Instances, Manifest, ManifestError, RunAs, Runtime, Shape, SqlFunction, former, names,
    origin, units,
};

const KEYS: &[&str] = &[
    "name",
    "description",
    "schema",
    "runtime",
    "entrypoint",
    "build",
    "timeout",
    "memory",
    "instances",
    "run_as",
    "database",
    "reads",
    "env",
    "secrets",
    "allowed_hosts",
    "http_in_transaction",
    "host_functions",
    "input",
    "output",
    "log",
    "concurrency",
    "rate_limit",
    "retry",
    "sql",
    "hooks",
];
const INSTANCES: &[(&str, Instances)] =
    &[("fresh", Instances::Fresh), ("transaction", Instances::Transaction), ("session", Instances::Session)];
const RUN_AS: &[(&str, RunAs)] = &[("caller", RunAs::Caller), ("owner", RunAs::Owner)];
const DATABASE: &[(&str, DatabaseAccess)] =
    &[("none", DatabaseAccess::None), ("read", DatabaseAccess::Read), ("write", DatabaseAccess::Write)];

const FUNCTION_RULE: &str = "must start with a letter a-z and go on with at most 62 of a-z, 0-9, _ and -";
const VARIABLE_RULE: &str = "must consist of letters, digits and underscores and not start with a digit";
const IDENTIFIER_RULE: &str = "must be an identifier of 1 to 63 bytes";

/// The whole document; an empty one is the default.
pub(crate) fn manifest(document: Node) -> Result<Manifest, ManifestError> {
    let mut fields = Field::document(document).fields("")?;
    fields.check_keys(KEYS, former::replacement)?;
    let mut manifest = Manifest::default();
    describe(&mut fields, &mut manifest)?;
    limits(&mut fields, &mut manifest)?;
    powers(&mut fields, &mut manifest)?;
    manifest.input = fields.take("input").map(shape).transpose()?;
    manifest.output = fields.take("output").map(shape).transpose()?;
    policy::read(&mut fields, &mut manifest)?;
    if let Some(field) = fields.take("sql") {
        manifest.sql = field.list()?.into_iter().map(sql_function).collect::<Result<_, _>>()?;
    }
    if let Some(field) = fields.take("hooks") {
        manifest.hooks = hook::list(field)?;
    }
    Ok(manifest)
}

fn describe(fields: &mut Fields, manifest: &mut Manifest) -> Result<(), ManifestError> {
    if let Some(field) = fields.take("runtime") {
        manifest.runtime = runtime(field)?;
    }
    manifest.name = fields.take("name").map(|field| field.text_like(names::is_function, FUNCTION_RULE)).transpose()?;
    manifest.description = fields.take("description").map(Field::text).transpose()?;
    manifest.schema =
        fields.take("schema").map(|field| field.text_like(names::is_identifier, IDENTIFIER_RULE)).transpose()?;
    manifest.entrypoint = fields.take("entrypoint").map(Field::filled_text).transpose()?;
    manifest.build = fields.take("build").map(build).transpose()?;
    Ok(())
}

fn shape(field: Field) -> Result<Shape, ManifestError> {
    let At { line, column } = field.at;
    Ok(Shape { schema: field.json_object()?, line, column })
}

fn runtime(field: Field) -> Result<Runtime, ManifestError> {
    let at = field.at;
    let name = field.scalar_text()?;
    if name == "wasm" {
        return Ok(Runtime::Wasm);
    }
    let error = at.error(format!("runtime {} is not supported", quoted(&name)));
    Err(error.hint(if former::is_runtime(&name) { former::RUNTIME_REPLACEMENT } else { "The only runtime is wasm." }))
}

fn build(field: Field) -> Result<Build, ManifestError> {
    let mut fields = field.fields("build")?;
    fields.check_keys(&["command", "args", "watch", "output"], |_| None)?;
    Ok(Build {
        command: fields.need("command")?.filled_text()?,
        args: texts(fields.take("args"), Field::list)?,
        watch: texts(fields.take("watch"), Field::one_or_more)?,
        output: fields.take("output").map(Field::filled_text).transpose()?,
    })
}

fn limits(fields: &mut Fields, manifest: &mut Manifest) -> Result<(), ManifestError> {
    if let Some(field) = fields.take("timeout") {
        manifest.timeout_ms =
            field.quantity(units::duration_ms, 1..=86_400_000, "between 1ms and 24h", policy::DURATIONS)?;
    }
    if let Some(field) = fields.take("memory") {
        const SIZES: &str = "Write a whole number with a unit: kb, mb or gb, as in 128mb.";
        manifest.memory_bytes = field.quantity(units::size_bytes, 64 << 10..=4 << 30, "between 64kb and 4gb", SIZES)?;
    }
    if let Some(field) = fields.take("instances") {
        manifest.instances = field.choice(INSTANCES)?;
    }
    Ok(())
}

fn powers(fields: &mut Fields, manifest: &mut Manifest) -> Result<(), ManifestError> {
    if let Some(field) = fields.take("run_as") {
        manifest.run_as = field.choice(RUN_AS)?;
    }
    if let Some(field) = fields.take("database") {
        manifest.database = field.choice(DATABASE)?;
    }
    if let Some(field) = fields.take("reads") {
        let column = |field: Field| field.text_like(names::is_identifier, IDENTIFIER_RULE);
        manifest.reads = Some(Field::distinct(field.list()?, column)?);
    }
    if let Some(field) = fields.take("env") {
        manifest.env = env(field)?;
    }
    if let Some(field) = fields.take("secrets") {
        let secret = |field: Field| secret(field, &manifest.env);
        manifest.secrets = Field::distinct(field.list()?, secret)?;
    }
    if let Some(field) = fields.take("allowed_hosts") {
        manifest.allowed_hosts = Field::distinct(field.list()?, allowed_host)?;
    }
    if let Some(field) = fields.take("http_in_transaction") {
        manifest.http_in_transaction = field.flag()?;
    }
    if let Some(field) = fields.take("host_functions") {
        manifest.host_functions = host_functions(field)?;
    }
    Ok(())
}

fn env(field: Field) -> Result<BTreeMap<String, String>, ManifestError> {
    let mut env = BTreeMap::new();
    for (key, value) in field.pairs()? {
        if !names::is_variable(&key.name) {
            return Err(key.at.error(format!("env key {VARIABLE_RULE}, not {}", quoted(&key.name))));
        }
        env.insert(key.name, value.scalar_text()?);
    }
    Ok(env)
}

/// A secret's name. The guest reads env and secrets through one call, so that no name may be in both.
fn secret(field: Field, env: &BTreeMap<String, String>) -> Result<String, ManifestError> {
    let at = field.at;
    let name = field.text_like(names::is_variable, VARIABLE_RULE)?;
    if env.contains_key(&name) {
        return Err(at.error(format!("secret {} has the name of an env entry", quoted(&name))));
    }
    Ok(name)
}

fn allowed_host(field: Field) -> Result<String, ManifestError> {
    use origin::Wrong;
    let at = field.at;
    let text = field.text()?;
    origin::canonical(&text).map_err(|wrong| {
        let hint = match wrong {
            Wrong::NoScheme => "Write scheme and host, as in https://api.example.com.",
            Wrong::Scheme => "The scheme must be http or https.",
            Wrong::Extra => "Write scheme, host and port only, without user, path or query.",
            Wrong::Host => {
                "The host must be a name in ASCII, an IP address, or \"*.\" and a name; IPv6 goes in brackets."
            }
            Wrong::Port => "The port must be between 1 and 65535.",
        };
        at.error(format!("{} is not a valid allowed host", quoted(&text))).hint(hint)
    })
}

fn host_functions(field: Field) -> Result<BTreeMap<String, String>, ManifestError> {
    let mut functions = BTreeMap::new();
    for (key, value) in field.pairs()? {
        if key.name.is_empty() {
            return Err(key.at.error("name of a host function must not be empty"));
        }
        functions.insert(key.name, value.text_like(names::is_function, FUNCTION_RULE)?);
    }
    Ok(functions)
}

fn sql_function(field: Field) -> Result<SqlFunction, ManifestError> {
    let mut fields = field.fields("sql function")?;
    fields.check_keys(&["create", "export"], |_| None)?;
    let create = fields.need("create")?;
    let at = create.at;
    let signature = create.filled_text()?.trim().to_owned();
    if signature.split_whitespace().next().is_some_and(|word| word.eq_ignore_ascii_case("create")) {
        let hint = "Begin with the function's name: \"create or replace function\" is put in front of it.";
        return Err(at.error("\"create\" must be a signature only").hint(hint));
    }
    // The text becomes part of one CREATE FUNCTION statement; what it may say there is for PostgreSQL to check.
    if !signature.contains('(') || signature.contains(';') {
        let hint = "Write it as in \"ship_cost(weight float8, zone int) returns float8\".";
        return Err(at.error(format!("{} is not a function signature", quoted(&signature))).hint(hint));
    }
    let export = fields.need("export")?.filled_text()?;
    Ok(SqlFunction { create: signature, export, line: fields.at.line, column: fields.at.column })
}

/// A list of texts that may be absent.
pub(super) fn texts(
    field: Option<Field>,
    entries: impl Fn(Field) -> Result<Vec<Field>, ManifestError>,
) -> Result<Vec<String>, ManifestError> {
    let fields = field.map(entries).transpose()?.unwrap_or_default();
    fields.into_iter().map(Field::scalar_text).collect()
}
