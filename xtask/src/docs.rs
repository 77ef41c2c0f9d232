//! `cargo xtask docs`: the guide in `docs/` as a book in `target/docs`, with a pinned mdBook.
//!
//! Pages are copied first, because they link to files outside of the book, as they should where the repository is
//! read: some of these become pages of the book, of the others only the words stay. It needs no PostgreSQL.

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use crate::cargo_tool::MDBOOK;
use crate::console::{Console, Step};
use crate::error::{Context, Failure, Result};
use crate::major::Major;
use crate::places::{Places, create_dir, remove_dir};

/// Pages beside `docs/` that are chapters as well.
const BESIDE: [&str; 4] = ["ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"];

/// `cargo xtask docs`
pub(crate) fn run(console: &mut Console, major: Major, _: &[String]) -> Result<()> {
    let places = Places::find(major)?;
    let logs = places.logs();
    let _lock = places.lock()?;
    console.step(&logs, "mdBook", |step| MDBOOK.ensure(&places, step))?;
    let book = console.step(&logs, "book", |step| build(&places, step))?;
    console.print(&format!("{}", book.join("index.html").display()));
    Ok(())
}

/// Copies the pages and builds the book from the copies.
fn build(places: &Places, step: &mut Step) -> Result<PathBuf> {
    let (pages, book) = (places.target.join("docs-pages"), places.target.join("docs"));
    remove_dir(&pages)?;
    remove_dir(&book)?;
    copy(&places.root.join("docs"), Path::new("docs"), &pages)?;
    for name in BESIDE {
        copy_page(&places.root.join(name), Path::new(name), &pages.join(name))?;
    }
    step.run(Command::new(MDBOOK.program(places)).arg("build").arg(&pages).arg("--dest-dir").arg(&book))?;
    let said = fs::read_to_string(step.log()).context("read", step.log().display())?;
    if said.contains("WARN") {
        return Err(Failure::new("mdBook warns of the pages").with_log(step.log()));
    }
    Ok(book)
}

/// Copies a folder, `from` being its path below the repository.
fn copy(folder: &Path, from: &Path, to: &Path) -> Result<()> {
    create_dir(to)?;
    for entry in fs::read_dir(folder).context("read", folder.display())? {
        let path = entry.context("read", folder.display())?.path();
        let Some(name) = path.file_name() else { continue };
        let (from, to) = (from.join(name), to.join(name));
        if path.is_dir() {
            copy(&path, &from, &to)?;
        } else if path.extension().is_some_and(|ending| ending == "md") {
            copy_page(&path, &from, &to)?;
        } else {
            fs::copy(&path, &to).context("copy", path.display())?;
        }
    }
    Ok(())
}

fn copy_page(page: &Path, from: &Path, to: &Path) -> Result<()> {
    let text = fs::read_to_string(page).context("read", page.display())?;
    fs::write(to, with_links_of_the_book(&text, from)).context("write", to.display())
}

/// The text of the page `from` with links that hold in the book. Fenced blocks stay as they are.
fn with_links_of_the_book(text: &str, from: &Path) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_block = false;
    for line in text.split_inclusive('\n') {
        in_block ^= line.starts_with("```");
        if in_block { out.push_str(line) } else { out.push_str(&line_of_the_book(line, from)) }
    }
    out
}

/// `[label](target)`: a label here holds no bracket but those of an image.
fn line_of_the_book(line: &str, from: &Path) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("](") {
        let Some((target, after)) = after.split_once(')') else { break };
        match (link(target, from), before.rsplit_once('[')) {
            (None, Some((before, label))) => out.push_str(&format!("{before}{label}")),
            (target_there, _) => out.push_str(&format!("{before}]({})", target_there.as_deref().unwrap_or(target))),
        }
        rest = after;
    }
    out + rest
}

/// Where a link of the page `from` leads in the book; `None` when it leads out of it.
fn link(target: &str, from: &Path) -> Option<String> {
    if target.contains("://") || target.starts_with('#') {
        return Some(target.to_owned());
    }
    let (file, anchor) = target.split_once('#').map_or((target, String::new()), |(file, at)| (file, format!("#{at}")));
    let path = plain(&from.parent().unwrap_or(Path::new("")).join(file));
    let in_book = path.strip_prefix("docs").ok().map(Path::to_owned);
    let page = in_book.or_else(|| BESIDE.iter().find(|name| Path::new(name) == path).map(PathBuf::from))?;
    // Back to the top of the book, and down again.
    let depth = from.strip_prefix("docs").unwrap_or(from).components().count().saturating_sub(1);
    Some(format!("{}{}{anchor}", "../".repeat(depth), page.display()))
}

/// A path without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(text: &str, from: &str) -> String {
        with_links_of_the_book(text, Path::new(from))
    }

    #[test]
    fn links_within_the_book_stay() {
        assert_eq!(book("a [b](cli.md#x), [c](howto/d.md)", "docs/reference.md"), "a [b](cli.md#x), [c](howto/d.md)");
        assert_eq!(
            book("[b](../cli.md) ![i](../images/i.png)", "docs/howto/d.md"),
            "[b](../cli.md) ![i](../images/i.png)"
        );
        assert_eq!(book("[w](https://example.com/a) [h](#x)", "docs/cli.md"), "[w](https://example.com/a) [h](#x)");
    }

    #[test]
    fn pages_beside_it_become_its_pages_and_other_files_lose_their_links() {
        assert_eq!(book("[s](../SECURITY.md#t)", "docs/guards.md"), "[s](SECURITY.md#t)");
        assert_eq!(book("[s](../../SECURITY.md)", "docs/howto/d.md"), "[s](../SECURITY.md)");
        assert_eq!(book("[r](docs/reference.md#t) end", "SECURITY.md"), "[r](reference.md#t) end");
        assert_eq!(book("see [an *example*](../examples/stock) and", "docs/plv8.md"), "see an *example* and");
    }
}
