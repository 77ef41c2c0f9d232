//! Source maps, version 3: from a place in a bundle to the place in the file that it was built from.

use serde_json::Value;

/// Segments that are worth reading: a bundle of 4 MB has about this many.
const MOST_SEGMENTS: usize = 4_000_000;

/// A place in a source file; lines and columns count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as the build tool names it.
    pub file: String,
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

/// Finds where line and column of the bundle (both from 1) come from. The map is read up to that line and forgotten: it
/// is asked for only when something has failed.
#[must_use]
pub fn original(map: &str, line: u32, column: u32) -> Option<Place> {
    let map: Value = serde_json::from_str(map).ok()?;
    let mut state = State::default();
    let wanted = (line.checked_sub(1)?, i64::from(column.checked_sub(1)?));
    let mut found = None;
    let mut segments = 0;
    for (number, text) in (0..).zip(map.get("mappings")?.as_str()?.split(';')) {
        state.column = 0;
        for segment in text.split(',').filter(|segment| !segment.is_empty()) {
            segments += 1;
            if segments > MOST_SEGMENTS {
                return None;
            }
            let has_source = state.advance(segment)?;
            if number == wanted.0 && has_source && state.column <= wanted.1 {
                found = Some((state.source, state.line, state.original_column));
            }
        }
        if number == wanted.0 {
            break;
        }
    }
    let (source, line, column) = found?;
    let file = map.get("sources")?.get(usize::try_from(source).ok()?)?.as_str()?;
    let root = map.get("sourceRoot").and_then(Value::as_str).unwrap_or_default();
    Some(Place {
        file: format!("{root}{file}").trim_start_matches("./").to_owned(),
        line: u32::try_from(line).ok()?.checked_add(1)?,
        column: u32::try_from(column).ok()?.checked_add(1)?,
    })
}

/// All numbers but the generated column run on from segment to segment.
#[derive(Default)]
struct State {
    column: i64,
    source: i64,
    line: i64,
    original_column: i64,
}

impl State {
    /// Reads one segment; whether it says where it comes from.
    fn advance(&mut self, segment: &str) -> Option<bool> {
        let mut numbers = Numbers(segment.bytes());
        self.column = self.column.checked_add(numbers.next()?)?;
        let Some(source) = numbers.next() else { return Some(false) };
        self.source = self.source.checked_add(source)?;
        self.line = self.line.checked_add(numbers.next()?)?;
        self.original_column = self.original_column.checked_add(numbers.next()?)?;
        Some(true)
    }
}

/// Base64 VLQ numbers: five bits a digit, lowest first, the sign in the lowest bit.
struct Numbers<'a>(std::str::Bytes<'a>);

impl Iterator for Numbers<'_> {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        let mut value: i64 = 0;
        let mut shift = 0;
        loop {
            let digit = match self.0.next()? {
                letter @ b'A'..=b'Z' => letter - b'A',
                letter @ b'a'..=b'z' => letter - b'a' + 26,
                digit @ b'0'..=b'9' => digit - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            if shift > 40 {
                return None;
            }
            value |= i64::from(digit & 31) << shift;
            if digit & 32 == 0 {
                return Some(if value & 1 == 1 { -(value >> 1) } else { value >> 1 });
            }
            shift += 5;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by esbuild of a file whose second line throws.
    const MAP: &str = r#"{"version":3,"sources":["src/a.ts","./src/b.ts"],"mappings":"AAAA,SAASA;EACP,MAAM;ACDR"}"#;

    #[test]
    fn places_are_found_by_the_segment_before_them() {
        let place = |line, column| original(MAP, line, column).map(|place| (place.file, place.line, place.column));
        assert_eq!(place(1, 1), Some(("src/a.ts".to_owned(), 1, 1)));
        assert_eq!(place(1, 12), Some(("src/a.ts".to_owned(), 1, 10)));
        assert_eq!(place(2, 4), Some(("src/a.ts".to_owned(), 2, 3)));
        assert_eq!(place(2, 40), Some(("src/a.ts".to_owned(), 2, 9)));
        assert_eq!(place(3, 1), Some(("src/b.ts".to_owned(), 1, 1)));
        assert_eq!(place(9, 1), None);
    }

    #[test]
    fn nonsense_is_no_place() {
        for map in ["", "{}", r#"{"mappings":"!!!!","sources":["a"]}"#, r#"{"mappings":"AAAA","sources":[]}"#] {
            assert_eq!(original(map, 1, 1), None, "{map}");
        }
        let long = format!(r#"{{"mappings":"{}","sources":["a"]}}"#, "g".repeat(100));
        assert_eq!(original(&long, 1, 1), None);
    }
}
