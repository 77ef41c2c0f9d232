//! Links of every page of the repository: the file is there, and the heading; the book lists each of its pages once.

use crate::{pages, read, root};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// Text without fenced blocks and code spans, whose brackets are no links. Line breaks stay.
fn prose(text: &str) -> String {
    let mut out = String::new();
    let mut in_block = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            let spans = line.split('`').enumerate();
            out.extend(spans.map(|(at, span)| if at % 2 == 0 { span } else { "x" }));
        }
        out.push('\n');
    }
    out
}

/// Targets of `[label](target)`, with their lines.
fn targets(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, line) in prose(text).lines().enumerate() {
        for part in line.split("](").skip(1) {
            let target = part.split([')', ' ']).next().unwrap_or_default();
            found.push((at + 1, target.to_owned()));
        }
    }
    found
}

/// The anchors of a page's headings, as GitHub and mdBook make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut anchors = BTreeSet::new();
    let mut in_block = false;
    for line in text.lines() {
        if line.starts_with("```") {
            in_block = !in_block;
        }
        let Some(heading) = line.trim_start_matches('#').strip_prefix(' ') else { continue };
        if in_block || !line.starts_with('#') {
            continue;
        }
        let label = heading.split("](").next().unwrap_or(heading);
        let slug: String = label
            .trim()
            .to_lowercase()
            .chars()
            .filter_map(|c| match c {
                ' ' => Some('-'),
                c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
                _ => None,
            })
            .collect();
        let count = counts.entry(slug.clone()).or_default();
        anchors.insert(if *count == 0 { slug } else { format!("{slug}-{count}") });
        *count += 1;
    }
    anchors
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

#[test]
fn every_link_leads_somewhere() {
    let mut complaints = Vec::new();
    let mut looked = 0;
    for page in pages("") {
        let text = read(&page);
        for (line, target) in targets(&text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            looked += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path = if file.is_empty() {
                PathBuf::from(&page)
            } else {
                plain(&Path::new(&page).parent().expect("in a folder").join(file))
            };
            if !root().join(&path).exists() {
                complaints.push(format!("{page}:{line}: {target}: there is no {}", path.display()));
            } else if !anchor.is_empty() && path.extension().is_some_and(|ending| ending == "md") {
                let there = anchors(&read(&path.to_string_lossy()));
                if !there.contains(anchor) {
                    complaints.push(format!("{page}:{line}: {target}: no such heading"));
                }
            }
        }
    }
    assert!(looked > 100, "{looked}");
    assert!(complaints.is_empty(), "{} dead links:\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn the_book_lists_every_page_once() {
    let summary = read("docs/SUMMARY.md");
    let mut listed: Vec<String> = targets(&summary).into_iter().map(|(_, target)| target).collect();
    listed.sort();
    let mut wanted: Vec<String> = pages("docs")
        .iter()
        .filter_map(|page| page.strip_prefix("docs/"))
        .filter(|page| *page != "SUMMARY.md")
        .map(str::to_owned)
        .collect();
    wanted.extend(listed.iter().filter(|target| target.starts_with("../")).cloned());
    wanted.sort();
    assert_eq!(listed, wanted, "left is SUMMARY.md, right the pages that there are");
}

#[test]
fn headings_become_anchors() {
    let there = anchors("# `run_as`: who, and why?\n## A\n## A\n```\n# no\n```\n");
    assert_eq!(there.into_iter().collect::<Vec<_>>(), ["a", "a-1", "run_as-who-and-why"]);
    assert_eq!(targets("[a](b.md#c) `[x](y)`\n```\n[d](e)\n```\n"), [(1, "b.md#c".to_owned())]);
}
