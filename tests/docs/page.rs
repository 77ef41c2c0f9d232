//! A page as the tests read it: its code blocks in order. It knows nothing of servers.

/// One fenced block.
#[derive(Debug)]
pub struct Block {
    /// Line of its first line of text, 1-based.
    pub line: usize,
    /// First word of the fence.
    pub language: String,
    /// The fence says `ignore`.
    pub ignored: bool,
    pub text: String,
}

/// What a reader does with the page, in order.
#[derive(Debug)]
pub enum Step {
    /// Statements, and what psql answers.
    Sql(Block, Option<Block>),
    /// Commands of a shell, and what they print.
    Shell(Block, Option<Block>),
    /// A file that the block's first line names.
    File(String, Block),
}

/// All blocks of a page.
///
/// # Panics
/// A block does not end.
pub fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (at, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                let mut words = info.split([',', ' ']);
                let language = words.next().unwrap_or_default().to_owned();
                open = Some(Block {
                    line: at + 2,
                    language,
                    ignored: words.any(|word| word == "ignore"),
                    text: String::new(),
                });
            }
            (Some(_), Some("")) => blocks.extend(open.take()),
            (Some(block), _) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block does not end: {open:?}");
    blocks
}

/// What the tests do with a page.
pub fn steps(text: &str) -> Vec<Step> {
    let mut blocks = blocks(text).into_iter().peekable();
    let mut steps = Vec::new();
    while let Some(block) = blocks.next() {
        if block.ignored {
            continue;
        }
        if let Some(name) = file_name(&block) {
            steps.push(Step::File(name, block));
        } else if block.language == "sql" || block.language == "sh" {
            let answer = blocks.next_if(|next| next.language == "text" && !next.ignored);
            steps.push(if block.language == "sql" { Step::Sql(block, answer) } else { Step::Shell(block, answer) });
        }
    }
    steps
}

/// `// welcome/src/index.ts` or `# welcome/manifest.yaml` in the first line of a block that is not run itself.
fn file_name(block: &Block) -> Option<String> {
    let comment = match block.language.as_str() {
        "ts" | "js" => "// ",
        "yaml" => "# ",
        _ => return None,
    };
    let name = block.text.lines().next()?.strip_prefix(comment)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    (name.contains('/') && name.contains('.') && !name.contains("..") && name.chars().all(plain))
        .then(|| name.to_owned())
}

/// Where an answer differs from what the page has: the line of the page, what it has, what came.
pub fn difference(answer: &Block, got: &str) -> Option<(usize, String, String)> {
    let tidy = |text: &str| -> Vec<String> { text.lines().map(normal).filter(|line| !line.is_empty()).collect() };
    let wanted: Vec<(usize, String)> = answer
        .text
        .lines()
        .enumerate()
        .map(|(at, line)| (answer.line + at, normal(line)))
        .filter(|(_, line)| !line.is_empty())
        .collect();
    let got = tidy(got);
    for at in 0..wanted.len().max(got.len()) {
        let has = got.get(at).map_or("(nothing)", String::as_str);
        let (line, should) =
            wanted.get(at).map_or((answer.line + answer.text.lines().count(), "(nothing)"), |(line, should)| {
                (*line, should.as_str())
            });
        // A line that may be anything says nothing.
        if at >= got.len() || should == "…" || !fits(should, has) {
            return Some((line, should.to_owned(), has.to_owned()));
        }
    }
    None
}

/// A line without what depends on the width of other lines: psql's padding and rules.
fn normal(line: &str) -> String {
    if line.len() > 1 && line.chars().all(|c| c == '-' || c == '+') {
        return line.split('+').map(|_| "-").collect::<Vec<_>>().join("+");
    }
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a line is as wanted, where `…` stands for anything.
fn fits(wanted: &str, got: &str) -> bool {
    let pieces: Vec<&str> = wanted.split('…').collect();
    let [first, middle @ .., last] = pieces.as_slice() else { return wanted == got };
    let Some(rest) = got.strip_prefix(first) else { return false };
    let Some(mut rest) = rest.strip_suffix(last) else { return false };
    for piece in middle {
        let Some((_, after)) = rest.split_once(piece) else { return false };
        rest = after;
    }
    true
}

#[test]
fn blocks_are_steps() {
    let page = "a\n```sql\nSELECT 1;\n```\n\n```text\n 1\n```\n```sql,ignore\nx\n```\n```yaml\n# a/b.yaml\nc: 1\n```\n```yaml\nd: 1\n```\n";
    let steps = steps(page);
    assert!(matches!(&steps[0], Step::Sql(block, Some(answer)) if block.line == 3 && answer.line == 7));
    assert!(matches!(&steps[1], Step::File(name, _) if name == "a/b.yaml"));
    assert_eq!(steps.len(), 2);
}

#[test]
fn answers_are_compared_line_by_line() {
    let answer = |text: &str| Block { line: 10, language: "text".into(), ignored: false, text: text.into() };
    let psql = " id  | name \n-----+------\n 019 | Ada\n(1 row)\n\n";
    assert_eq!(difference(&answer(" id | name\n----+----\n … | Ada\n(1 row)\n"), psql), None);
    let (line, wanted, got) = difference(&answer(" id | name\n----+----\n … | Eve\n(1 row)\n"), psql).unwrap();
    assert_eq!((line, wanted.as_str(), got.as_str()), (12, "… | Eve", "019 | Ada"));
    assert!(difference(&answer(" id | name\n"), psql).is_some(), "what the page leaves out is missed");
    assert!(fits("a…c…e", "abcde") && !fits("a…c…e", "abde") && !fits("a", "ab"));
}
