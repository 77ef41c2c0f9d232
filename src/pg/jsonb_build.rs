//! JSON text → jsonb, in the stored form that jsonb_in would make of it (`jsonb.rs` says how it looks), without its tokens,
//! callbacks and copies. What is wrong, unusual or very large is left to jsonb_in, whose errors are the server's own.

use pgrx::pg_sys;

use super::PgError;
use super::catch::catch;
use super::encoding::server_is_utf8;
use super::jsonb::{CONTAINER, FALSE, HAS_END, IS_ARRAY, IS_OBJECT, IS_SCALAR, NULL, NUMERIC, STRING, TRUE};
use super::raw;
use super::single::Single;

/// Longer texts are left to jsonb_in: what is allocated here is up to a few dozen times as much, and not by palloc.
const MOST_BYTES: usize = 256 << 10;
/// So are texts that nest deeper.
const MOST_DEPTH: u32 = 64;
/// Of every so many children one has its end instead of its length.
const STRIDE: usize = 32;
/// Longer numbers, too: numeric has a limit, which even a member counts against that another one replaces.
const MOST_DIGITS: usize = 1000;
/// Buffers that have together grown beyond this are not kept.
const KEEP_BYTES: usize = 256 << 10;

/// A stretch of the text, or of what was unescaped from it.
#[derive(Clone, Copy)]
struct Span {
    start: usize,
    end: usize,
    is_unescaped: bool,
}

#[derive(Clone, Copy)]
enum Node {
    Null,
    Bool(bool),
    Text(Span),
    Number {
        start: usize,
        end: usize,
    },
    /// A stretch of `elements`.
    Array {
        start: usize,
        count: usize,
    },
    /// A stretch of `members`: sorted, each name once.
    Object {
        start: usize,
        count: usize,
    },
}

#[derive(Clone, Copy)]
struct Member {
    name: Span,
    value: Node,
}

/// Buffers that the next text finds again.
#[derive(Default)]
struct Buffers {
    unescaped: Vec<u8>,
    /// Children of containers that have not ended.
    open_elements: Vec<Node>,
    open_members: Vec<Member>,
    elements: Vec<Node>,
    members: Vec<Member>,
    out: Vec<u8>,
}

impl Buffers {
    fn clear(&mut self) {
        let nodes = self.open_elements.capacity() + self.elements.capacity();
        let members = self.open_members.capacity() + self.members.capacity();
        let bytes =
            self.out.capacity() + self.unescaped.capacity() + nodes * size_of::<Node>() + members * size_of::<Member>();
        if bytes > KEEP_BYTES {
            *self = Self::default();
            return;
        }
        self.unescaped.clear();
        self.open_elements.clear();
        self.open_members.clear();
        self.elements.clear();
        self.members.clear();
        self.out.clear();
    }
}

static BUFFERS: Single<Option<Buffers>> = Single::new(None);

/// The jsonb value of a text that is valid UTF-8; `None` when it is left to jsonb_in.
pub(super) fn build(text: &[u8]) -> Result<Option<pg_sys::Datum>, PgError> {
    if text.len() > MOST_BYTES || !server_is_utf8() {
        return Ok(None);
    }
    // Taken out, so that nothing is held if Postgres calls back.
    let mut buffers = BUFFERS.with(Option::take).flatten().unwrap_or_default();
    let mut reader = Reader { text, at: 0, depth: 0, buffers: &mut buffers };
    let root = reader.root();
    let result = match root {
        None => Ok(None),
        Some(root) => Writer { text, buffers: &mut buffers }.root(root).map(Some),
    };
    buffers.clear();
    BUFFERS.with(|kept| *kept = Some(buffers));
    result
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    depth: u32,
    buffers: &'a mut Buffers,
}

impl Reader<'_> {
    fn root(&mut self) -> Option<Node> {
        let root = self.value()?;
        self.skip();
        (self.at == self.text.len()).then_some(root)
    }

    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    fn skip(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    fn expect(&mut self, word: &[u8], node: Node) -> Option<Node> {
        let found = self.text.get(self.at..)?.starts_with(word);
        self.at += word.len();
        found.then_some(node)
    }

    fn value(&mut self) -> Option<Node> {
        self.skip();
        match self.peek() {
            b'{' => self.nested(Self::object),
            b'[' => self.nested(Self::array),
            b'"' => self.string().map(Node::Text),
            b't' => self.expect(b"true", Node::Bool(true)),
            b'f' => self.expect(b"false", Node::Bool(false)),
            b'n' => self.expect(b"null", Node::Null),
            _ => self.number(),
        }
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Option<Node>) -> Option<Node> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return None;
        }
        self.at += 1;
        self.skip();
        let node = read(self)?;
        self.at += 1;
        self.depth -= 1;
        Some(node)
    }

    /// Up to the closing bracket, which it leaves.
    fn array(&mut self) -> Option<Node> {
        let base = self.buffers.open_elements.len();
        while self.peek() != b']' || self.buffers.open_elements.len() > base {
            let element = self.value()?;
            self.buffers.open_elements.push(element);
            self.skip();
            match self.peek() {
                b',' => self.at += 1,
                b']' => break,
                _ => return None,
            }
        }
        let start = self.buffers.elements.len();
        self.buffers.elements.extend(self.buffers.open_elements.drain(base..));
        Some(Node::Array { start, count: self.buffers.elements.len() - start })
    }

    /// Up to the closing brace, which it leaves.
    fn object(&mut self) -> Option<Node> {
        let base = self.buffers.open_members.len();
        while self.peek() != b'}' || self.buffers.open_members.len() > base {
            self.skip();
            let name = (self.peek() == b'"').then(|| self.string()).flatten()?;
            self.skip();
            if self.peek() != b':' {
                return None;
            }
            self.at += 1;
            let value = self.value()?;
            self.buffers.open_members.push(Member { name, value });
            self.skip();
            match self.peek() {
                b',' => self.at += 1,
                b'}' => break,
                _ => return None,
            }
        }
        let start = self.buffers.members.len();
        let Buffers { unescaped, open_members, members, .. } = &mut *self.buffers;
        let name = |member: &Member| bytes_of(self.text, unescaped, member.name);
        let in_order = |a: &Member, b: &Member| (name(a).len(), name(a)).cmp(&(name(b).len(), name(b)));
        let all = open_members.get_mut(base..)?;
        // Stable, so that of one name the last comes last, and is the one that stays.
        all.sort_by(in_order);
        for (i, member) in all.iter().enumerate() {
            if all.get(i + 1).is_none_or(|next| name(next) != name(member)) {
                members.push(*member);
            }
        }
        open_members.truncate(base);
        Some(Node::Object { start, count: members.len() - start })
    }

    fn string(&mut self) -> Option<Span> {
        let start = self.at + 1;
        let mut end = start;
        let mut has_escapes = false;
        loop {
            end = super::json::special(self.text, end)?;
            match self.text.get(end)? {
                b'"' => break,
                b'\\' => {
                    has_escapes = true;
                    end += 2;
                }
                _ => return None,
            }
        }
        self.at = end + 1;
        if !has_escapes {
            return Some(Span { start, end, is_unescaped: false });
        }
        let from = self.buffers.unescaped.len();
        unescape(self.text.get(start..end)?, &mut self.buffers.unescaped)?;
        Some(Span { start: from, end: self.buffers.unescaped.len(), is_unescaped: true })
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        self.at - start
    }

    /// Without an exponent: how many digits that stands for is left to Postgres.
    fn number(&mut self) -> Option<Node> {
        let start = self.at;
        if self.peek() == b'-' {
            self.at += 1;
        }
        let first = self.peek();
        let whole = self.digits();
        if whole == 0 || first == b'0' && whole > 1 {
            return None;
        }
        if self.peek() == b'.' {
            self.at += 1;
            if self.digits() == 0 {
                return None;
            }
        }
        let is_plain = !matches!(self.peek(), b'e' | b'E') && self.at - start <= MOST_DIGITS;
        is_plain.then_some(Node::Number { start, end: self.at })
    }
}

fn bytes_of<'a>(text: &'a [u8], unescaped: &'a [u8], span: Span) -> &'a [u8] {
    let of = if span.is_unescaped { unescaped } else { text };
    of.get(span.start..span.end).unwrap_or_default()
}

/// Appends the characters of a string with escapes; `None` for what jsonb refuses.
fn unescape(mut text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    while let Some((&byte, rest)) = text.split_first() {
        text = rest;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let (&letter, rest) = text.split_first()?;
        text = rest;
        match letter {
            b'"' | b'\\' | b'/' => out.push(letter),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let mut code = hex(&mut text)?;
                if (0xD800..0xDC00).contains(&code) {
                    text = text.strip_prefix(b"\\u")?;
                    let low = hex(&mut text)?;
                    let low = low.checked_sub(0xDC00).filter(|low| *low < 0x400)?;
                    code = 0x10000 + ((code - 0xD800) << 10) + low;
                }
                let character = char::from_u32(code).filter(|character| *character != '\0')?;
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => return None,
        }
    }
    Some(())
}

fn hex(text: &mut &[u8]) -> Option<u32> {
    let (digits, rest) = text.split_first_chunk::<4>()?;
    *text = rest;
    digits.iter().try_fold(0, |code, digit| Some(code << 4 | char::from(*digit).to_digit(16)?))
}

struct Writer<'a> {
    text: &'a [u8],
    buffers: &'a mut Buffers,
}

impl Writer<'_> {
    fn root(mut self, root: Node) -> Result<pg_sys::Datum, PgError> {
        match root {
            Node::Array { .. } | Node::Object { .. } => drop(self.node(root)?),
            scalar => drop(self.container(IS_ARRAY | IS_SCALAR | 1, 1, |writer, _| writer.node(scalar))?),
        }
        super::datum::varlena(&self.buffers.out)
    }

    /// Appends a value; what its parent says of it: its kind, and how many bytes it takes.
    fn node(&mut self, node: Node) -> Result<u32, PgError> {
        match node {
            Node::Null => Ok(NULL),
            Node::Bool(value) => Ok(if value { TRUE } else { FALSE }),
            Node::Text(span) => Ok(self.string(span)),
            Node::Number { start, end } => self.number(start, end),
            Node::Array { start, count } => self.container(IS_ARRAY | to_u32(count), count, |writer, i| {
                let element = writer.buffers.elements.get(start + i).copied();
                writer.node(element.unwrap_or(Node::Null))
            }),
            // First all names, then all values.
            Node::Object { start, count } => self.container(IS_OBJECT | to_u32(count), 2 * count, |writer, i| {
                let member = writer.buffers.members.get(start + i % count.max(1)).copied();
                match member {
                    Some(Member { name, .. }) if i < count => Ok(writer.string(name)),
                    Some(Member { value, .. }) => writer.node(value),
                    None => Ok(NULL),
                }
            }),
        }
    }

    fn container(
        &mut self,
        header: u32,
        children: usize,
        mut child: impl FnMut(&mut Self, usize) -> Result<u32, PgError>,
    ) -> Result<u32, PgError> {
        let start = self.buffers.out.len();
        self.pad();
        self.buffers.out.extend_from_slice(&header.to_ne_bytes());
        let words = self.buffers.out.len();
        self.buffers.out.resize(words + 4 * children, 0);
        let data = self.buffers.out.len();
        for i in 0..children {
            let mut entry = child(self, i)?;
            if i % STRIDE == 0 {
                entry = entry & !LENGTH | to_u32(self.buffers.out.len() - data) | HAS_END;
            }
            if let Some(word) = self.buffers.out.get_mut(words + 4 * i..).and_then(<[u8]>::first_chunk_mut) {
                *word = entry.to_ne_bytes();
            }
        }
        Ok(CONTAINER | to_u32(self.buffers.out.len() - start))
    }

    fn string(&mut self, span: Span) -> u32 {
        let Buffers { out, unescaped, .. } = &mut *self.buffers;
        out.extend_from_slice(bytes_of(self.text, unescaped, span));
        STRING | to_u32(span.end - span.start)
    }

    fn number(&mut self, start: usize, end: usize) -> Result<u32, PgError> {
        let before = self.buffers.out.len();
        self.pad();
        let text = self.text.get(start..end).unwrap_or_default();
        if !small_whole(text, &mut self.buffers.out) {
            let text = super::datum::c_string(text)?;
            let none = pg_sys::Datum::null();
            // SAFETY: numeric_in takes a C string, an OID that it does not look at, and -1 for any precision; what it
            // returns is a complete varlena with a header of four bytes.
            let bytes = unsafe {
                let argument = pg_sys::Datum::from(text.as_ptr().cast_mut());
                let any = pg_sys::Datum::from(-1i32);
                let made =
                    catch(|| raw::DirectFunctionCall3Coll(raw::numeric_in, pg_sys::InvalidOid, argument, none, any))?;
                let made = made.cast_mut_ptr::<pg_sys::varlena>();
                std::slice::from_raw_parts(made.cast_const().cast::<u8>(), pgrx::varsize_any(made))
            };
            self.buffers.out.extend_from_slice(bytes);
        }
        Ok(NUMERIC | to_u32(self.buffers.out.len() - before))
    }

    /// The varlena's own header has four bytes, so that what is a multiple of four here is one there.
    fn pad(&mut self) {
        let length = self.buffers.out.len().next_multiple_of(4);
        self.buffers.out.resize(length, 0);
    }
}

/// Bits of a child's word that have its length, or its end.
const LENGTH: u32 = 0x0FFF_FFFF;

/// A count that the bound on the text keeps small.
fn to_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(LENGTH)
}

/// Appends the numeric of a whole number of at most eight digits, in numeric.c's short form; false for all others.
fn small_whole(text: &[u8], out: &mut Vec<u8>) -> bool {
    const SHORT: u16 = 0x8000;
    const NEGATIVE: u16 = 0x2000;
    let (sign, digits) = match text.split_first() {
        Some((b'-', rest)) => (NEGATIVE, rest),
        _ => (0, text),
    };
    if cfg!(target_endian = "big") || !(1..=8).contains(&digits.len()) || digits.contains(&b'.') {
        return false;
    }
    let number = digits.iter().fold(0u32, |number, digit| number * 10 + u32::from(digit & 15));
    let [high, low] = [number / 10_000, number % 10_000].map(|digit| u16::try_from(digit).unwrap_or(0));
    // Zeroes at the end are not stored, nor those before the first digit, and zero has neither digits nor a sign.
    let (header, halves): (u16, &[u16]) = match (high, low) {
        (0, 0) => (SHORT, &[]),
        (0, low) => (SHORT | sign, &[low]),
        (high, 0) => (SHORT | sign | 1, &[high]),
        (high, low) => (SHORT | sign | 1, &[high, low]),
    };
    let length = to_u32(6 + 2 * halves.len());
    out.extend_from_slice(&(length << 2).to_ne_bytes());
    out.extend_from_slice(&header.to_ne_bytes());
    halves.iter().for_each(|half| out.extend_from_slice(&half.to_ne_bytes()));
    true
}
