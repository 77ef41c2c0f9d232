//! Where JavaScript failed: places in the bundle that the engine knows become places in the files of its author.

use std::borrow::Cow;

use super::Target;
use crate::catalog::{self, Function};
use crate::pg::PgError;

/// The engine's name of the file that it runs.
const BUNDLE: &str = "bundle.js:";

/// Rewrites the places in CONTEXT, which holds the frames of a guest's stack.
#[cold]
pub(super) fn locate(error: &mut PgError, target: &Target) {
    locate_in(error, &target.function);
}

/// The same before there is anything that could be called.
#[cold]
pub(super) fn locate_in(error: &mut PgError, function: &Function) {
    if let Some(context) = error.context.as_mut().filter(|context| context.contains(BUNDLE)) {
        let map = Map::of(function);
        *context = context.lines().map(|line| map.line(line)).collect::<Vec<_>>().join("\n");
    }
}

/// How a function's places are told.
enum Map {
    /// Its source is in the database, after this many lines of ours.
    Lines(u32),
    /// A source map.
    Text(String),
    None,
}

impl Map {
    fn of(function: &Function) -> Self {
        if let Some(source) = &function.source {
            return Self::Lines(source.lines_before);
        }
        // A map that cannot be read now is missed in a message, which is no reason for another error.
        let wasm = catalog::wasm(&function.sha256).unwrap_or_default();
        alyx_js_engine::source_map_of(&wasm).map_or(Self::None, |map| Self::Text(map.to_owned()))
    }

    /// One frame: `at name (bundle.js:3:14)`.
    fn line<'a>(&self, frame: &'a str) -> Cow<'a, str> {
        let place = frame.find(BUNDLE).and_then(|at| {
            let numbers = frame.get(at + BUNDLE.len()..)?;
            let end = numbers.find(|letter: char| !letter.is_ascii_digit() && letter != ':').unwrap_or(numbers.len());
            let (line, column) = numbers.get(..end)?.split_once(':')?;
            Some((at, at + BUNDLE.len() + end, line.parse().ok()?, column.parse().ok()?))
        });
        let Some((from, to, line, column)) = place else { return Cow::Borrowed(frame) };
        let text = match self {
            Self::Lines(before) => u32::checked_sub(line, *before).map(|line| format!("line {line}, column {column}")),
            Self::Text(map) => alyx_js_engine::original(map, line, column)
                .map(|place| format!("{}:{}:{}", place.file, place.line, place.column)),
            Self::None => None,
        };
        match text {
            Some(text) => {
                let (head, tail) = (frame.get(..from).unwrap_or_default(), frame.get(to..).unwrap_or_default());
                Cow::Owned(format!("{head}{text}{tail}"))
            }
            None => Cow::Borrowed(frame),
        }
    }
}
