//! Tables as TypeScript declarations that add to `interface Database` of "@alyx/functions". It knows no database: rows of
//! the catalog in, text out, the same text for the same rows.

use serde_json::Value;

use super::show::cell;

/// The whole file. Tables of `first` go by their name, others by `schema.name`.
pub(crate) fn declarations(tables: &[Value], first: &str) -> String {
    let mut rows = String::new();
    let mut inserts = String::new();
    for table in tables {
        let (schema, name) = (cell(table.get("schema")), cell(table.get("name")));
        let key = quoted(&if schema == first { name } else { format!("{schema}.{name}") });
        if let Some(comment) = table.get("comment").and_then(Value::as_str) {
            rows.push_str(&format!("    /** {} */\n", comment.replace("*/", "* /").replace('\n', " ")));
        }
        let none = Vec::new();
        let columns = table.get("columns").and_then(Value::as_array).unwrap_or(&none);
        let is_view = table.get("is_view") == Some(&Value::Bool(true));
        let row: String = columns.iter().map(|column| member(column, "")).collect();
        rows.push_str(&format!("    {key}: {{\n{row}    }};\n"));
        // A view may be written through triggers; what it needs then nobody but they know.
        let optional = |column: &Value| is_view || is(column, "nullable") || is(column, "has_default");
        let insert: String = columns
            .iter()
            .filter(|column| !is(column, "generated"))
            .map(|column| member(column, if optional(column) { "?" } else { "" }))
            .collect();
        inserts.push_str(&format!("    {key}: {{\n{insert}    }};\n"));
    }
    format!(
        "// Made by \"alyx types\" from the database's tables. Do not edit: run it again after a migration.\n\
         import \"@alyx/functions\";\n\n\
         declare module \"@alyx/functions\" {{\n\
         \x20 /** Rows as they are read. */\n  interface Database {{\n{rows}  }}\n\n\
         \x20 /** What an INSERT takes: columns with a default may be left out, those that are always computed must be. */\n\
         \x20 interface DatabaseInsert {{\n{inserts}  }}\n}}\n"
    )
}

fn member(column: &Value, optional: &str) -> String {
    let null = if is(column, "nullable") { " | null" } else { "" };
    format!("      {}{optional}: {}{null};\n", quoted(&cell(column.get("name"))), kind(column))
}

/// The type of a value as `to_jsonb` writes it.
fn kind(column: &Value) -> String {
    let base = match column.get("labels").and_then(Value::as_array) {
        Some(labels) if !labels.is_empty() => labels.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | "),
        _ if cell(column.get("kind")) != "b" => "unknown".to_owned(),
        _ => scalar(&cell(column.get("type_schema")), &cell(column.get("type"))).to_owned(),
    };
    match column.get("dims").and_then(Value::as_i64).unwrap_or(0) {
        0 => base,
        _ if base.contains('|') => format!("({base})[]"),
        _ => format!("{base}[]"),
    }
}

fn scalar(schema: &str, name: &str) -> &'static str {
    if schema != "pg_catalog" {
        // citext, ltree and their like are text in JSON, as all types without a cast of their own.
        return "string";
    }
    match name {
        // Whole as JSON writes them; a JavaScript number keeps 53 bits of an int8 and 15 digits of a numeric.
        "int2" | "int4" | "int8" | "float4" | "float8" | "numeric" | "oid" => "number",
        "bool" => "boolean",
        "json" | "jsonb" => "unknown",
        _ => "string",
    }
}

fn is(column: &Value, key: &str) -> bool {
    column.get(key) == Some(&Value::Bool(true))
}

fn quoted(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if plain { name.to_owned() } else { Value::String(name.to_owned()).to_string() }
}

#[cfg(test)]
mod tests {
    use super::declarations;
    use serde_json::json;

    #[test]
    fn columns_by_kind() {
        let column = |name: &str, kind: &str, more: serde_json::Value| {
            let mut column = json!({"name": name, "type": kind, "type_schema": "pg_catalog", "kind": "b", "dims": 0,
                "nullable": false, "has_default": false, "generated": false, "labels": null});
            column.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            column
        };
        let table = json!({"schema": "public", "name": "posts", "is_view": false, "comment": "What */ people\nwrite", "columns": [
            column("id", "int8", json!({"generated": true, "has_default": true})),
            column("title", "text", json!({})),
            column("state", "mood", json!({"kind": "e", "labels": ["draft", "done"], "dims": 1, "has_default": true})),
            column("extra data", "jsonb", json!({"nullable": true})),
        ]});
        let text = declarations(&[table], "public");
        assert!(text.contains("/** What * / people write */"), "{text}");
        assert!(text.contains("    posts: {\n      id: number;\n      title: string;\n      state: (\"draft\" | \"done\")[];\n      \"extra data\": unknown | null;\n    };"), "{text}");
        assert!(text.contains("    posts: {\n      title: string;\n      state?: (\"draft\" | \"done\")[];\n      \"extra data\"?: unknown | null;\n"), "{text}");
    }
}
