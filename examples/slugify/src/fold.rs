//! Titles to slugs: pure text, no host.

/// Longest slug; beyond it a title is cut after a whole word where there is one.
const LONGEST: usize = 80;

/// Lower-case ASCII words joined by dashes; `untitled` when the title has no letter or digit that can be written so.
pub fn slug(title: &str) -> String {
    let mut slug = String::with_capacity(title.len());
    let mut gap = false;
    for letter in title.chars().flat_map(char::to_lowercase) {
        match fold(letter) {
            Fold::Drop => {}
            Fold::Break => gap = !slug.is_empty(),
            Fold::Text(text) => push(&mut slug, &mut gap, text),
            Fold::Same => push(&mut slug, &mut gap, letter.encode_utf8(&mut [0; 4])),
        }
    }
    if slug.len() > LONGEST {
        // All ASCII, so every index is a character boundary.
        slug.truncate(slug[..=LONGEST].rfind('-').unwrap_or(LONGEST));
    }
    if slug.is_empty() {
        slug.push_str("untitled");
    }
    slug
}

fn push(slug: &mut String, gap: &mut bool, text: &str) {
    if std::mem::take(gap) {
        slug.push('-');
    }
    slug.push_str(text);
}

/// What becomes of one lower-case letter.
enum Fold {
    /// Stays as it is.
    Same,
    /// Is written with these letters.
    Text(&'static str),
    /// Joins its neighbours: apostrophes and combining marks.
    Drop,
    /// Separates words.
    Break,
}

fn fold(letter: char) -> Fold {
    Fold::Text(match letter {
        'a'..='z' | '0'..='9' => return Fold::Same,
        '\'' | '’' | '\u{300}'..='\u{36f}' => return Fold::Drop,
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ă' | 'ą' => "a",
        'æ' => "ae",
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => "c",
        'ð' | 'ď' | 'đ' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => "e",
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => "g",
        'ĥ' | 'ħ' => "h",
        'ì' | 'í' | 'î' | 'ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => "i",
        'ĵ' => "j",
        'ķ' => "k",
        'ĺ' | 'ļ' | 'ľ' | 'ł' => "l",
        'ñ' | 'ń' | 'ņ' | 'ň' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ō' | 'ŏ' | 'ő' => "o",
        'œ' => "oe",
        'ŕ' | 'ŗ' | 'ř' => "r",
        'ś' | 'ŝ' | 'ş' | 'š' | 'ș' => "s",
        'ß' => "ss",
        'ţ' | 'ť' | 'ŧ' | 'ț' => "t",
        'þ' => "th",
        'ù' | 'ú' | 'û' | 'ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => "u",
        'ŵ' => "w",
        'ý' | 'ÿ' | 'ŷ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        _ => return Fold::Break,
    })
}

#[cfg(test)]
mod tests {
    use super::slug;

    #[test]
    fn titles() {
        for (title, expected) in [
            ("Hello, World!", "hello-world"),
            ("  Crème   Brûlée — à la carte ", "creme-brulee-a-la-carte"),
            ("Smørrebrød & Gnocchi", "smorrebrod-gnocchi"),
            ("Don’t PANIC", "dont-panic"),
            ("e\u{301}tude", "etude"),
            ("ŁÓDŹ", "lodz"),
            ("Straße İstanbul", "strasse-istanbul"),
            ("日本語", "untitled"),
            ("", "untitled"),
            ("100 % 日本 SQL", "100-sql"),
        ] {
            assert_eq!(slug(title), expected, "{title}");
        }
    }

    #[test]
    fn long_titles_end_after_a_word() {
        let long = slug(&"word ".repeat(40));
        assert!(long.len() <= 80 && long.ends_with("-word"), "{long}");
        assert_eq!(slug(&"x".repeat(500)).len(), 80);
    }
}
