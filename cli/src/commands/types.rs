//! `alyx types`: the database's tables as TypeScript, so that `ctx.db.posts` knows its columns.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{connected, typescript};
use crate::cli::Global;
use crate::problem::{OnPath, Problem, Result};
use crate::terminal::{GOOD, Terminal, paint};

/// Write TypeScript types of the database's tables
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  alyx types\n  alyx types --schema public --schema app --out src/alyx.d.ts\n  alyx types --check"
)]
pub(crate) struct Types {
    /// Schemas to read; tables of the first are known by their name alone [default: public]
    #[arg(long, value_name = "NAME")]
    schema: Vec<String>,
    /// File to write; - prints it
    #[arg(long, short, value_name = "FILE", default_value = "alyx.d.ts")]
    out: PathBuf,
    /// Write nothing; fail when the file is not what the database says
    #[arg(long)]
    check: bool,
}

/// Tables and views that this role may read, with what TypeScript can know of their columns.
const SQL: &str = "
SELECT n.nspname AS schema, c.relname AS name, c.relkind IN ('v', 'm') AS is_view, obj_description(c.oid, 'pg_class') AS comment,
  (SELECT jsonb_agg(jsonb_build_object(
      'name', a.attname, 'type', b.typname, 'type_schema', bn.nspname, 'kind', b.typtype, 'dims', (t.typcategory = 'A')::int,
      'labels', (SELECT jsonb_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e WHERE e.enumtypid = b.oid),
      'nullable', NOT (a.attnotnull OR (dt.typtype = 'd' AND dt.typnotnull)) OR c.relkind IN ('v', 'm'),
      'has_default', a.atthasdef OR a.attidentity <> '' OR dt.typdefault IS NOT NULL,
      'generated', a.attgenerated <> '' OR a.attidentity = 'a') ORDER BY a.attnum)
   FROM pg_catalog.pg_attribute a
   JOIN pg_catalog.pg_type dt ON dt.oid = a.atttypid
   JOIN LATERAL (WITH RECURSIVE base(oid) AS (SELECT a.atttypid UNION ALL
        SELECT d.typbasetype FROM base JOIN pg_catalog.pg_type d ON d.oid = base.oid WHERE d.typtype = 'd')
        SELECT oid FROM base JOIN pg_catalog.pg_type x USING (oid) WHERE x.typtype <> 'd') AS flat ON true
   JOIN pg_catalog.pg_type t ON t.oid = flat.oid
   JOIN LATERAL (WITH RECURSIVE base(oid) AS (
        SELECT CASE WHEN t.typcategory = 'A' AND t.typelem <> 0 THEN t.typelem ELSE t.oid END UNION ALL
        SELECT d.typbasetype FROM base JOIN pg_catalog.pg_type d ON d.oid = base.oid WHERE d.typtype = 'd')
        SELECT oid FROM base JOIN pg_catalog.pg_type x USING (oid) WHERE x.typtype <> 'd') AS element ON true
   JOIN pg_catalog.pg_type b ON b.oid = element.oid
   JOIN pg_catalog.pg_namespace bn ON bn.oid = b.typnamespace
  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e' AND d.classid = 'pg_catalog.pg_class'::regclass)
ORDER BY array_position($1, n.nspname::text), c.relname";

/// Reads the catalog and writes the file.
pub(crate) fn run(args: &Types, global: &Global, terminal: &Terminal) -> Result<()> {
    let schemas = if args.schema.is_empty() { vec!["public".to_owned()] } else { args.schema.clone() };
    let mut database = connected(global)?;
    let missing =
        "SELECT s FROM unnest($1::text[]) s WHERE s NOT IN (SELECT nspname::text FROM pg_catalog.pg_namespace)";
    if let Some(row) = database.rows("cannot read the schemas", missing, &[&schemas])?.first() {
        return Err(Problem::usage(format!("there is no schema \"{}\"", super::show::cell(row.get("s"))))
            .next("Name one that is there with --schema."));
    }
    let tables = database.rows("cannot read the tables", SQL, &[&schemas])?;
    let text = typescript::declarations(&tables, schemas.first().map_or("public", String::as_str));
    let path = &args.out;
    if path.as_os_str() == "-" {
        if terminal.json {
            terminal.document(&json!({"tables": tables.len(), "text": text}));
        } else {
            terminal.raw(text.as_bytes());
        }
        return Ok(());
    }
    let changed = std::fs::read_to_string(path).map_or(true, |found| found != text);
    if args.check && changed {
        return Err(
            Problem::failed(format!("{} is not what the database says", path.display())).next("Run \"alyx types\".")
        );
    }
    if changed {
        std::fs::write(path, &text).on("write", path)?;
    }
    terminal.document(&json!({"file": path, "tables": tables.len(), "changed": changed}));
    let word = if changed { "wrote" } else { "unchanged" };
    terminal.line(format!("{} {}: {} tables and views", paint(GOOD, word), path.display(), tables.len()));
    Ok(())
}
