//! The files of `alyx new`, one set per language, from `cli/templates`. `{{name}}` and its variants are filled in.

use std::path::Path;

use clap::ValueEnum;

/// A language that has a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lang {
    /// TypeScript; needs Node.js
    Ts,
    /// JavaScript; needs Node.js
    Js,
    /// Rust; needs cargo and the target wasm32-unknown-unknown
    Rust,
    /// Zig
    Zig,
    /// C; needs clang and lld
    C,
}

type Template = &'static [(&'static str, &'static str)];

macro_rules! template {
    ($lang:literal, $($file:literal),+ $(,)?) => {
        &[$(($file, include_str!(concat!("../../templates/", $lang, "/", $file)))),+]
    };
}

// A .gitignore in the repository would be heeded by git there: it is kept under another name.
const GITIGNORE: &str = "gitignore";
const TS: Template = template!(
    "ts",
    "package.json",
    "tsconfig.json",
    "manifest.yaml",
    "src/index.ts",
    "demo.sql",
    "README.md",
    "gitignore"
);
const JS: Template =
    template!("js", "package.json", "manifest.yaml", "src/index.js", "demo.sql", "README.md", "gitignore");
const RUST: Template =
    template!("rust", "Cargo.toml.in", "manifest.yaml", "src/lib.rs", "demo.sql", "README.md", "gitignore");
const ZIG: Template = template!(
    "zig",
    "build.zig",
    "manifest.yaml",
    "src/main.zig",
    "src/alyx.zig",
    "demo.sql",
    "README.md",
    "gitignore"
);
const C: Template =
    template!("c", "manifest.yaml", "build.sh", "src/main.c", "src/alyx.h", "demo.sql", "README.md", "gitignore");

/// All languages, for tests.
#[cfg(test)]
const LANGS: &[Lang] = &[Lang::Ts, Lang::Js, Lang::Rust, Lang::Zig, Lang::C];

impl Lang {
    /// As the option spells it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ts => "ts",
            Self::Js => "js",
            Self::Rust => "rust",
            Self::Zig => "zig",
            Self::C => "c",
        }
    }

    fn template(self) -> Template {
        match self {
            Self::Ts => TS,
            Self::Js => JS,
            Self::Rust => RUST,
            Self::Zig => ZIG,
            Self::C => C,
        }
    }
}

/// The files of a new function: paths within its folder, and their text. `sdk` is a kit's folder to use in place of the
/// published one.
pub(crate) fn files(lang: Lang, name: &str, sdk: Option<&Path>) -> Vec<(String, String)> {
    let sdk = sdk.map(|path| path.display().to_string());
    let npm =
        sdk.as_ref().map_or_else(|| concat!("^", env!("CARGO_PKG_VERSION")).to_owned(), |path| format!("file:{path}"));
    let cargo = match &sdk {
        Some(path) => format!("{{ path = {} }}", serde_json::Value::String(path.clone())),
        None => format!("\"{}\"", env!("CARGO_PKG_VERSION")),
    };
    // The path is within a JSON string.
    let npm = serde_json::Value::String(npm).to_string();
    let fill = |text: &str| {
        text.replace("{{name}}", name)
            .replace("{{table}}", &name.replace('-', "_"))
            .replace("\"{{npm}}\"", &npm)
            .replace("{{cargo}}", &cargo)
    };
    let path = |file: &str| match file {
        GITIGNORE => ".gitignore".to_owned(),
        // Under its own name cargo would take the template for a package.
        "Cargo.toml.in" => "Cargo.toml".to_owned(),
        other => other.to_owned(),
    };
    lang.template().iter().map(|(file, text)| (path(file), fill(text))).collect()
}

#[cfg(test)]
mod tests {
    use super::{LANGS, files};

    #[test]
    fn templates_are_filled_and_their_manifests_are_right() {
        for lang in LANGS {
            for (file, text) in files(*lang, "say-hello", Some(std::path::Path::new("/sdk \"x\""))) {
                assert!(!text.contains("{{"), "{lang:?} {file}");
                match file.as_str() {
                    "manifest.yaml" => {
                        assert_eq!(alyx_manifest::parse(&text).unwrap().name.as_deref(), Some("say-hello"));
                    }
                    "package.json" => {
                        serde_json::from_str::<serde_json::Value>(&text).unwrap();
                    }
                    _ => {}
                }
            }
        }
    }
}
