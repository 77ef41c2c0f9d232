//! The SQL functions that a deploy makes: `name(jsonb)`, `name()` for triggers, and those of the manifest's `sql:`.

use alyx_manifest::{Manifest, SqlFunction};

use crate::error::Error;
use crate::pg::spi::{self, Cell, Param};
use crate::pg::{PgError, Role, RoleScope, quote_identifier};

/// Who a deploy is for and by whom.
pub(super) struct Roles {
    /// The function's owner.
    pub(super) owner: Role,
    /// Who deploys or rolls back.
    pub(super) deployer: Role,
    /// Whether the function was not there before.
    pub(super) is_first: bool,
}

/// Makes what is missing. What is there and ours stays as it is, with its grants.
pub(super) fn reconcile(
    name: &str,
    schema: &str,
    manifest: &Manifest,
    roles: &Roles,
    has_entry: bool,
) -> Result<(), PgError> {
    let qualified = format!("{}.{}", quote_identifier(schema), quote_identifier(name));
    if has_entry {
        ensure(
            &format!("{qualified}(input pg_catalog.jsonb)"),
            &format!("{qualified}(pg_catalog.jsonb)"),
            "pg_catalog.jsonb",
            name,
            roles,
        )?;
        ensure(&format!("{qualified}()"), &format!("{qualified}()"), "pg_catalog.trigger", name, roles)?;
    }
    for function in &manifest.sql {
        create_listed(name, schema, function)?;
    }
    Ok(())
}

fn ensure(header: &str, signature: &str, returns: &str, name: &str, roles: &Roles) -> Result<(), PgError> {
    let rows = spi::query(include_str!("../../sql/queries/find_procedure.sql"), &[Param::Text(Some(signature))])?;
    if let Some(row) = rows.into_iter().next() {
        let mut cells = row.into_iter().map(Cell::text);
        let mut next = || cells.next().unwrap_or_default();
        let (language, source) = (next(), next());
        let maker = Role::from_oid(next().parse().unwrap_or(0));
        if language == "wasm" && source == name {
            if maker.has_rights_of(roles.owner) {
                return Ok(());
            }
            // It belongs to somebody else, who could let anyone call. If it was reassigned since the last deploy, a
            // superuser who deploys again takes it back; one that was there before the first deploy stays refused.
            if roles.deployer.is_superuser() && !roles.is_first {
                return take_back(header, signature, returns, name, roles);
            }
        }
        return Err(Error::Exists(format!("function {signature}")).into());
    }
    spi::run(&format!("CREATE FUNCTION {header} RETURNS {returns} LANGUAGE wasm AS {}", quote_literal(name)), &[])?;
    // Running a function spends the server's resources: its owner decides who may.
    spi::run(&format!("REVOKE EXECUTE ON FUNCTION {signature} FROM PUBLIC"), &[])
}

/// Makes a function that had been given away the owner's again, with nothing left of what its interim owner made of it:
/// neither SECURITY DEFINER, settings or volatility nor grants.
fn take_back(header: &str, signature: &str, returns: &str, name: &str, roles: &Roles) -> Result<(), PgError> {
    let _deployer = RoleScope::internal(roles.deployer);
    let owner = quote_identifier(&roles.owner.name());
    spi::run(&format!("ALTER FUNCTION {signature} OWNER TO {owner}"), &[])?;
    let body = quote_literal(name);
    spi::run(&format!("CREATE OR REPLACE FUNCTION {header} RETURNS {returns} LANGUAGE wasm AS {body}"), &[])?;
    let grantees =
        spi::query(include_str!("../../sql/queries/function_grantees.sql"), &[Param::Text(Some(signature))])?;
    for grantee in grantees.into_iter().flatten().filter_map(Cell::some) {
        spi::run(&format!("REVOKE ALL ON FUNCTION {signature} FROM {grantee} CASCADE"), &[])?;
    }
    Ok(())
}

/// One of the manifest's own signatures: text of the function's owner, run as the owner, in one statement that must turn
/// out to be CREATE FUNCTION in this language with this AS.
fn create_listed(name: &str, schema: &str, function: &SqlFunction) -> Result<(), PgError> {
    let source = format!("{name}:{}", function.export);
    let at = |error: PgError| in_manifest(error, "entry of \"sql\"", function.line, function.column);
    let sql = format!(
        "CREATE OR REPLACE FUNCTION {}\nLANGUAGE wasm AS {}",
        qualify(&function.create, schema),
        quote_literal(&source)
    );
    let before = bound_to(&source)?;
    spi::create_function(&sql, "wasm", &source).map_err(at)?;
    // Only what is new: the grants of functions that were there, made by a deploy or by hand, are their owner's.
    for signature in bound_to(&source)?.iter().filter(|signature| !before.contains(signature)) {
        spi::run(&format!("REVOKE EXECUTE ON FUNCTION {signature} FROM PUBLIC"), &[])?;
    }
    Ok(())
}

/// The signatures of the SQL functions with this AS text.
fn bound_to(source: &str) -> Result<Vec<String>, PgError> {
    let rows = spi::query(
        "SELECT p.oid::pg_catalog.regprocedure::pg_catalog.text FROM pg_catalog.pg_proc p \
         JOIN pg_catalog.pg_language l ON l.oid OPERATOR(pg_catalog.=) p.prolang \
         WHERE l.lanname OPERATOR(pg_catalog.=) 'wasm'::pg_catalog.name AND p.prosrc OPERATOR(pg_catalog.=) $1",
        &[Param::Text(Some(source))],
    )?;
    Ok(rows.into_iter().flatten().filter_map(Cell::some).collect())
}

/// Puts the schema before a name that has none.
fn qualify(create: &str, schema: &str) -> String {
    let create = create.trim();
    let head = create.split('(').next().unwrap_or_default();
    if head.contains('.') { create.to_owned() } else { format!("{}.{create}", quote_identifier(schema)) }
}

/// Adds where in the manifest the statement came from that an error is about.
pub(super) fn in_manifest(mut error: PgError, what: &str, line: usize, column: usize) -> PgError {
    let place = format!("manifest: {what} at line {line}, column {column}");
    error.context = Some(match error.context.take() {
        Some(context) => format!("{context}\n{place}"),
        None => place,
    });
    error
}

/// Text as an SQL literal.
pub(super) fn quote_literal(text: &str) -> String {
    if text.contains('\\') {
        return format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"));
    }
    format!("'{}'", text.replace('\'', "''"))
}
