//! LANGUAGE javascript: source in CREATE FUNCTION becomes a function as if it had been deployed.
//!
//! Nothing is stored but what `pg_proc` holds: the program is linked from the source when it is first needed, and kept
//! with the compiled code under the source's hash.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use alyx_manifest::Manifest;

use crate::catalog::{Function, Source};
use crate::error::Error;
use crate::invoke::name_of_source;
use crate::pg::{PgError, Procedure, TypeId};

/// What names a JavaScript function's export.
pub(super) const EXPORT: &str = "handler";
/// A comment in the first line that says what a manifest says of a deployed function.
const PRAGMA: &str = "// alyx:";
/// Keys that it may have.
const PRAGMA_KEYS: &str =
    "instances, timeout, memory, database, reads, env, allowed_hosts, http_in_transaction and log";

/// Parameters of a trigger's body.
const TRIGGER_PARAMETERS: &str = "NEW, OLD, TG_OP, TG_NAME, TG_WHEN, TG_LEVEL, TG_RELID, TG_TABLE_NAME, TG_TABLE_SCHEMA, TG_ARGV, NEW_ROWS, OLD_ROWS";
/// Parameters of an event trigger's body.
const EVENT_TRIGGER_PARAMETERS: &str = "TG_EVENT, TG_TAG, event";

/// The function that this SQL function is.
///
/// # Errors
/// 22023 for a pragma that says what it cannot, 0A000 for types that cannot cross.
pub(super) fn function(procedure: &Procedure) -> Result<Rc<Function>, PgError> {
    let manifest = manifest(&procedure.source)?;
    let source = wrap(procedure)?;
    Ok(Rc::new(Function {
        // Numbers of deployed functions are positive.
        id: -i64::from(procedure.oid),
        name: procedure.name.clone(),
        owner: procedure.owner,
        version: 1,
        schema: procedure.schema.clone(),
        sha256: name_of_source(&source.bundle),
        source: Some(source),
        export: Some(EXPORT.to_owned()),
        env: manifest.env.clone(),
        manifest,
        secrets: BTreeMap::new(),
        webhook_secrets: BTreeMap::new(),
        is_paused: false,
        sql_function: OnceCell::from(Some(procedure.oid)),
    }))
}

/// The manifest that the first line may hold: `// alyx: {instances: session, timeout: 2s}`.
fn manifest(source: &str) -> Result<Manifest, PgError> {
    let first = source.trim_start().lines().next().unwrap_or_default().trim_end();
    let Some(text) = first.strip_prefix(PRAGMA) else {
        if first.strip_prefix("// alyx").is_some_and(|rest| rest.trim_start().starts_with('{')) {
            return Err(Error::InvalidArgument {
                message: "the first line sets nothing without a colon".to_owned(),
                hint: Some(format!("Write {PRAGMA} {{timeout: 2s}}.")),
            }
            .into());
        }
        return Ok(Manifest::default());
    };
    let manifest = alyx_manifest::parse(text.trim_start()).map_err(Error::from)?;
    let kept = manifest.clone();
    let taken = Manifest {
        instances: kept.instances,
        timeout_ms: kept.timeout_ms,
        memory_bytes: kept.memory_bytes,
        database: kept.database,
        reads: kept.reads,
        env: kept.env,
        allowed_hosts: kept.allowed_hosts,
        http_in_transaction: kept.http_in_transaction,
        log: kept.log,
        ..Manifest::default()
    };
    if taken == manifest {
        return Ok(manifest);
    }
    Err(Error::InvalidArgument {
        message: "the first line sets what has no meaning in a function of language javascript".to_owned(),
        hint: Some(format!("It may set {PRAGMA_KEYS}. Rights are given by SQL: EXECUTE, SECURITY DEFINER.")),
    }
    .into())
}

/// The ES module that is linked.
fn wrap(procedure: &Procedure) -> Result<Source, PgError> {
    if is_module(&procedure.source) {
        return Ok(Source { bundle: procedure.source.clone(), lines_before: 0 });
    }
    let (kind, parameters) = match procedure.result {
        TypeId::TRIGGER => ("trigger", TRIGGER_PARAMETERS.to_owned()),
        TypeId::EVENT_TRIGGER => ("event_trigger", EVENT_TRIGGER_PARAMETERS.to_owned()),
        _ => ("call", parameters(procedure)?),
    };
    let types = procedure
        .arguments
        .iter()
        .map(|argument| {
            let base = argument.r#type.base()?;
            // Its name would be qualified where the search_path does not have it.
            if base == TypeId::BYTEA { Ok("bytea".to_owned()) } else { base.name() }
        })
        .collect::<Result<Vec<String>, PgError>>()?;
    let mut spec = serde_json::json!({ "kind": kind, "types": types, "returns": returns(procedure)? });
    if kind == "trigger" && uses_word(&procedure.source, "TG_RELID") {
        // The event has the table's names, which cost nothing; its number is asked for.
        spec["relid"] = true.into();
    }
    let asynchronous = if uses_word(&procedure.source, "await") { "async " } else { "" };
    let bundle = format!(
        "const {{db, log, env, kv, plv8, ctx, invoke, enqueue, raise}} = globalThis.__alyx.scope; export default globalThis.__alyx.sql({spec}, {asynchronous}function({parameters}) {{\n{}\n}});\n",
        procedure.source
    );
    Ok(Source { bundle, lines_before: 1 })
}

/// Names of the arguments as JavaScript has them; what is no identifier there is `$1`, `$2`, … by its place.
fn parameters(procedure: &Procedure) -> Result<String, PgError> {
    let mut names: Vec<String> = Vec::new();
    for (index, argument) in procedure.arguments.iter().enumerate() {
        let placed = format!("${}", index + 1);
        let fits = is_identifier(&argument.name) && !names.contains(&argument.name);
        names.push(if fits { argument.name.clone() } else { placed });
    }
    Ok(names.join(", "))
}

/// What the SQL side makes of the result.
fn returns(procedure: &Procedure) -> Result<&'static str, PgError> {
    if procedure.returns_set {
        return Ok("set");
    }
    Ok(match procedure.result.base()? {
        TypeId::VOID => "void",
        TypeId::TEXT => "text",
        TypeId::BYTEA => "bytea",
        TypeId::JSON | TypeId::JSONB => "json",
        _ => "value",
    })
}

/// Whether the source is an ES module of its own: a line of it begins with `export`.
pub(super) fn is_module(source: &str) -> bool {
    source.lines().any(|line| {
        let rest = line.trim_start().strip_prefix("export");
        rest.is_some_and(|rest| rest.starts_with([' ', '{', '*']) || rest.is_empty())
    })
}

fn is_identifier(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_' || first == '$')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_' || letter == '$')
        && !RESERVED.contains(&name)
}

/// Words that no parameter of a strict function can have.
const RESERVED: [&str; 49] = [
    "arguments",
    "await",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "debugger",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "eval",
    "export",
    "extends",
    "false",
    "finally",
    "for",
    "function",
    "if",
    "implements",
    "import",
    "in",
    "instanceof",
    "interface",
    "let",
    "new",
    "null",
    "package",
    "private",
    "protected",
    "public",
    "return",
    "static",
    "super",
    "switch",
    "this",
    "throw",
    "true",
    "try",
    "typeof",
    "var",
    "void",
    "while",
    "with",
    "yield",
    "undefined",
];

fn uses_word(source: &str, word: &str) -> bool {
    let part_of_name = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$';
    source.match_indices(word).any(|(at, _)| {
        let before = source.get(..at).and_then(|text| text.chars().next_back());
        let after = source.get(at + word.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(part_of_name) && !after.is_some_and(part_of_name)
    })
}
