//! Names as SQL writes them. Values never pass through here: they are bound as parameters.

/// `name` in double quotes, as PostgreSQL's `quote_ident` would write it if it always quoted.
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    #[test]
    fn quotes_are_doubled() {
        assert_eq!(super::quote_identifier(r#"my "table""#), r#""my ""table""""#);
    }
}
