// Text work of the plv8 object: quoting as Postgres' quote_* functions do it, and declared parameter types.

/** Keywords that Postgres quotes as names: all but the unreserved ones (src/include/parser/kwlist.h, PostgreSQL 17). */
const KEYWORDS = ` all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case
cast char character check coalesce collate collation column concurrently constraint create cross current_catalog current_date
current_role current_schema current_time current_timestamp current_user dec decimal default deferrable desc distinct do else
end except exists extract false fetch float for foreign freeze from full grant greatest group grouping having ilike in
initially inner inout int integer intersect interval into is isnull join json json_array json_arrayagg json_exists
json_object json_objectagg json_query json_scalar json_serialize json_table json_value lateral leading least left like limit
localtime localtimestamp merge_action national natural nchar none normalize not notnull null nullif numeric offset on only or
order out outer overlaps overlay placing position precision primary real references returning right row select session_user
setof similar smallint some substring symmetric system_user table tablesample then time timestamp to trailing treat trim true
union unique user using values varchar variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists
xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable `.replaceAll("\n", " ");

export function quoteIdent(value) {
  const name = String(value);
  const isPlain = /^[a-z_][a-z0-9_]*$/.test(name) && !KEYWORDS.includes(` ${name} `);
  return isPlain ? name : `"${name.replaceAll('"', '""')}"`;
}

export function quoteLiteral(value) {
  const text = String(value).replaceAll("'", "''");
  return text.includes("\\") ? `E'${text.replaceAll("\\", "\\\\")}'` : `'${text}'`;
}

export function quoteNullable(value) {
  return value === null || value === undefined ? "NULL" : quoteLiteral(value);
}

/** What `$1` is not a parameter in: strings, quoted names, dollar quotes, comments. */
const TOKENS = /[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$([A-Za-z_][A-Za-z0-9_]*)?\$[\s\S]*?\$\1\$|--[^\n]*|\/\*[\s\S]*?\*\/|[A-Za-z_][A-Za-z0-9_$]*|\$(\d+)/g;

/** `$1` → `$1::int`: the server works parameter types out by itself, so declared ones become casts. */
export function castParameters(sql, types) {
  if (!Array.isArray(types) || types.some((type) => typeof type !== "string" || !/^[\w\s."\[\](),%]+$/.test(type))) {
    throw new TypeError("plv8.prepare takes the parameter types as an array of names");
  }
  return sql.replace(TOKENS, (token, _, number) => {
    const type = number === undefined ? undefined : types[Number(number) - 1];
    return type === undefined ? token : `${token}::${type}`;
  });
}
