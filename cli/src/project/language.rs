//! What a folder is written in, and from that how it is built when the manifest does not say.

use std::path::{Path, PathBuf};

use alyx_manifest::Build;

/// A language with a build of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// TypeScript or JavaScript: package.json.
    Script,
    /// Rust: Cargo.toml.
    Rust,
    /// Zig: build.zig.
    Zig,
    /// None of these.
    Other,
}

impl Language {
    /// Goes by the file that its build tool reads.
    pub(crate) fn of(dir: &Path) -> Self {
        let has = |name: &str| dir.join(name).is_file();
        match () {
            () if has("package.json") => Self::Script,
            () if has("Cargo.toml") => Self::Rust,
            () if has("build.zig") => Self::Zig,
            () => Self::Other,
        }
    }

    /// Whether the folder is a function although it has no manifest: its build tool's file names our kits.
    pub(crate) fn is_function(self, dir: &Path) -> bool {
        let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap_or_default();
        match self {
            Self::Script => read("package.json").contains("\"@alyx/functions\""),
            Self::Rust => {
                let text = read("Cargo.toml");
                text.contains("cdylib") && (text.contains("alyx-functions") || text.contains("extism-pdk"))
            }
            Self::Zig => read("build.zig").contains("wasm32"),
            Self::Other => false,
        }
    }

    /// How it is built by default.
    pub(crate) fn build(self, dir: &Path) -> Option<Build> {
        let (command, args): (&str, &[&str]) = match self {
            Self::Script => ("npm", &["run", "--silent", "build"]),
            Self::Rust => ("cargo", &["build", "--release", "--target", "wasm32-unknown-unknown"]),
            Self::Zig => ("zig", &["build", "--release=small"]),
            Self::Other => return None,
        };
        Some(Build {
            command: command.to_owned(),
            args: args.iter().map(|word| (*word).to_owned()).collect(),
            watch: Vec::new(),
            output: Some(self.output(dir)),
        })
    }

    /// Globs of its sources.
    pub(crate) fn watch(self) -> &'static [&'static str] {
        match self {
            Self::Script => &["**/*.{ts,tsx,mts,cts,js,jsx,mjs,cjs,json}"],
            Self::Rust => &["**/*.rs", "**/Cargo.toml"],
            Self::Zig => &["**/*.zig", "**/*.zon"],
            // Not everything: a compiler may leave its files beside them, and building would never end.
            Self::Other => &["**/*.{c,h,cc,cpp,hpp,wat,wit,go,py,rb,sh,mk,json,toml}", "**/Makefile"],
        }
    }

    /// The program's missing, in a sentence that helps.
    pub(crate) fn advice(command: &str) -> String {
        match command {
            "npm" | "npx" | "node" => "Install Node.js 20 or later (https://nodejs.org), which brings npm.".to_owned(),
            "cargo" | "rustc" => {
                "Install Rust (https://rustup.rs), then \"rustup target add wasm32-unknown-unknown\".".to_owned()
            }
            "zig" => "Install Zig (https://ziglang.org) as \"zig\" in PATH. With \"pip install ziglang\" that is a script which calls \"python3 -m ziglang\".".to_owned(),
            "clang" => "Install clang and lld (Debian: apt-get install clang lld).".to_owned(),
            other => format!("Install {other}, or change \"build\" in manifest.yaml."),
        }
    }

    fn output(self, dir: &Path) -> String {
        match self {
            Self::Rust => {
                let name = crate_name(dir).unwrap_or_else(|| "plugin".to_owned()).replace('-', "_");
                format!("target/wasm32-unknown-unknown/release/{name}.wasm")
            }
            Self::Zig => only_module(&dir.join("zig-out/bin"))
                .map_or_else(|| "zig-out/bin/plugin.wasm".to_owned(), |name| format!("zig-out/bin/{}", name.display())),
            Self::Script | Self::Other => "plugin.wasm".to_owned(),
        }
    }
}

/// `name` in `[lib]` or `[package]` of Cargo.toml. Its first line of that form is the package's in every layout that cargo writes.
fn crate_name(dir: &Path) -> Option<String> {
    let text = std::fs::read_to_string(dir.join("Cargo.toml")).ok()?;
    let mut section = String::new();
    let mut names = [None, None];
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line.to_owned();
        } else if let Some((key, value)) = line.split_once('=')
            && key.trim() == "name"
        {
            let name = value.trim().trim_matches('"').to_owned();
            match section.as_str() {
                "[lib]" => names[0] = Some(name),
                "[package]" => names[1] = Some(name),
                _ => {}
            }
        }
    }
    let [lib, package] = names;
    lib.or(package)
}

fn only_module(dir: &Path) -> Option<PathBuf> {
    let mut modules = std::fs::read_dir(dir).ok()?.flatten().map(|entry| PathBuf::from(entry.file_name()));
    modules.find(|name| name.extension().is_some_and(|end| end == "wasm"))
}
