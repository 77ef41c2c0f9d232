//! jsonb → JSON text, byte for byte as jsonb_out writes it, straight from the stored form into the event or input.
//!
//! The stored form (jsonb.h of PostgreSQL, the same since 9.4): a header word with a count and the kind of container, then
//! one word for each child (for an object all keys, then all values) that has its type and its length, or its end, and then
//! the children's bytes. What does not look so is left to jsonb_out.

use pgrx::pg_sys;

use super::PgError;
use super::backend::check_stack;
use super::catch::catch;
use super::encoding::from_server;
use super::json::{JsonWriter, c_function_bytes};
use super::raw;

const COUNT: u32 = 0x0FFF_FFFF;
pub(super) const IS_SCALAR: u32 = 0x1000_0000;
pub(super) const IS_OBJECT: u32 = 0x2000_0000;
pub(super) const IS_ARRAY: u32 = 0x4000_0000;

/// In a child's word: whether the lower bits are where it ends, and not how long it is.
pub(super) const HAS_END: u32 = 0x8000_0000;
const KIND: u32 = 0x7000_0000;
pub(super) const STRING: u32 = 0x0000_0000;
pub(super) const NUMERIC: u32 = 0x1000_0000;
pub(super) const FALSE: u32 = 0x2000_0000;
pub(super) const TRUE: u32 = 0x3000_0000;
pub(super) const NULL: u32 = 0x4000_0000;
pub(super) const CONTAINER: u32 = 0x5000_0000;

/// Why a value was not written.
enum Refused {
    /// It is not as it is described above.
    Unknown,
    Error(PgError),
}

impl From<PgError> for Refused {
    fn from(error: PgError) -> Self {
        Self::Error(error)
    }
}

/// One object or array.
struct Container<'a> {
    words: &'a [u8],
    data: &'a [u8],
    header: u32,
}

/// One child: its kind, and its bytes with what pads them at the front.
#[derive(Clone, Copy)]
struct Child<'a> {
    kind: u32,
    start: usize,
    bytes: &'a [u8],
}

/// Children in order.
struct Children<'c, 'a> {
    of: &'c Container<'a>,
    next: usize,
    start: usize,
}

fn word(bytes: &[u8], index: usize) -> Option<u32> {
    let at = index.checked_mul(4)?;
    bytes.get(at..)?.first_chunk().map(|word| u32::from_ne_bytes(*word))
}

impl<'a> Container<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let header = word(bytes, 0)?;
        let count = usize::try_from(header & COUNT).ok()?;
        let children = if header & IS_OBJECT != 0 { count.checked_mul(2)? } else { count };
        let (words, data) = bytes.get(4..)?.split_at_checked(children.checked_mul(4)?)?;
        Some(Self { words, data, header })
    }

    fn count(&self) -> usize {
        usize::try_from(self.header & COUNT).unwrap_or(0)
    }

    fn children(&self) -> Children<'_, 'a> {
        Children { of: self, next: 0, start: 0 }
    }
}

impl<'a> Children<'_, 'a> {
    fn next(&mut self) -> Option<Child<'a>> {
        let entry = word(self.of.words, self.next)?;
        let bits = usize::try_from(entry & COUNT).ok()?;
        let end = if entry & HAS_END != 0 { bits } else { self.start.checked_add(bits)? };
        let bytes = self.of.data.get(self.start..end)?;
        let child = Child { kind: entry & KIND, start: self.start, bytes };
        self.next += 1;
        self.start = end;
        Some(child)
    }

    fn skip(mut self, count: usize) -> Option<Self> {
        for _ in 0..count {
            self.next()?;
        }
        Some(self)
    }
}

impl<'a> Child<'a> {
    /// Numbers and containers begin at a multiple of four.
    fn aligned(self) -> Option<&'a [u8]> {
        self.bytes.get(self.start.next_multiple_of(4) - self.start..)
    }
}

impl JsonWriter<'_> {
    /// A jsonb value.
    pub(super) fn jsonb(&mut self, datum: pg_sys::Datum) -> Result<(), PgError> {
        let before = self.len();
        // SAFETY: the caller passes a jsonb; detoasted in full, so that numbers in it are aligned, it lives until the memory
        // context is reset.
        let bytes = unsafe {
            let plain = catch(|| raw::pg_detoast_datum(datum.cast_mut_ptr()))?;
            pgrx::varlena_to_byte_slice(plain)
        };
        match self.root(bytes) {
            Ok(()) => Ok(()),
            Err(Refused::Error(error)) => Err(error),
            Err(Refused::Unknown) => {
                self.back_to(before);
                // SAFETY: as above.
                self.push(&from_server(unsafe { c_function_bytes(raw::jsonb_out, datum)? })?)
            }
        }
    }

    fn root(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let root = Container::of(bytes).ok_or(Refused::Unknown)?;
        if root.header & IS_SCALAR == 0 {
            return self.container(&root);
        }
        let only = root.children().next().filter(|_| root.count() == 1);
        self.child(only.ok_or(Refused::Unknown)?)
    }

    fn container(&mut self, container: &Container<'_>) -> Result<(), Refused> {
        check_stack(0)?;
        if container.header & IS_ARRAY != 0 {
            let mut values = container.children();
            self.push(b"[")?;
            for i in 0..container.count() {
                self.push(if i > 0 { b", " } else { b"" })?;
                self.child(values.next().ok_or(Refused::Unknown)?)?;
            }
            return Ok(self.push(b"]")?);
        }
        if container.header & IS_OBJECT == 0 {
            return Err(Refused::Unknown);
        }
        let mut keys = container.children();
        let mut values = container.children().skip(container.count()).ok_or(Refused::Unknown)?;
        self.push(b"{")?;
        for i in 0..container.count() {
            self.push(if i > 0 { b", " } else { b"" })?;
            let Some(Child { kind: STRING, bytes, .. }) = keys.next() else { return Err(Refused::Unknown) };
            self.string(&from_server(bytes)?)?;
            self.push(b": ")?;
            self.child(values.next().ok_or(Refused::Unknown)?)?;
        }
        Ok(self.push(b"}")?)
    }

    fn child(&mut self, child: Child<'_>) -> Result<(), Refused> {
        match child.kind {
            STRING => self.string(&from_server(child.bytes)?)?,
            NUMERIC => self.numeric(child.aligned().ok_or(Refused::Unknown)?)?,
            FALSE => self.push(b"false")?,
            TRUE => self.push(b"true")?,
            NULL => self.push(b"null")?,
            CONTAINER => {
                let container = child.aligned().and_then(Container::of).ok_or(Refused::Unknown)?;
                self.container(&container)?;
            }
            _ => return Err(Refused::Unknown),
        }
        Ok(())
    }

    /// A numeric: small whole numbers here, all others by numeric_out.
    fn numeric(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        if let Some(whole) = small_whole(bytes) {
            self.integer(whole);
            return Ok(());
        }
        // A header of four bytes that says what its parent says.
        let length = word(bytes, 0).and_then(|word| usize::try_from(word >> 2).ok());
        if cfg!(target_endian = "big") || bytes.first().is_none_or(|byte| byte & 3 != 0) || length != Some(bytes.len())
        {
            return Err(Refused::Unknown);
        }
        // SAFETY: a complete numeric, at an address that is a multiple of four; numeric_out does not change it.
        let text = unsafe { c_function_bytes(raw::numeric_out, pg_sys::Datum::from(bytes.as_ptr().cast_mut()))? };
        Ok(self.push(text)?)
    }
}

/// The number, when it is whole and has one or two digits of base 10 000, as the short form of numeric.c stores it.
fn small_whole(bytes: &[u8]) -> Option<i64> {
    const IS_SHORT: u16 = 0x8000;
    const KIND_BITS: u16 = 0xC000;
    const IS_NEGATIVE: u16 = 0x2000;
    const SCALE: u16 = 0x1F80;
    const WEIGHT: u16 = 0x007F;
    let half = |at: usize| bytes.get(at..)?.first_chunk().map(|two| u16::from_ne_bytes(*two));
    let length = word(bytes, 0)?;
    // A header of four bytes on a little-endian machine: the two lowest bits are zero.
    if cfg!(target_endian = "big") || length & 3 != 0 || usize::try_from(length >> 2).ok()? != bytes.len() {
        return None;
    }
    let header = half(4)?;
    let digits = (bytes.len() - 6) / 2;
    let weight = usize::from(header & WEIGHT);
    if header & KIND_BITS != IS_SHORT || header & SCALE != 0 || weight > 1 || digits > weight + 1 {
        return None;
    }
    let mut whole = 0;
    for place in 0..=weight {
        let digit = if place < digits { i64::from(half(6 + 2 * place)?) } else { 0 };
        whole = whole * 10_000 + digit;
    }
    let is_zero = digits == 0;
    Some(if is_zero {
        0
    } else if header & IS_NEGATIVE != 0 {
        -whole
    } else {
        whole
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numeric(header: u16, digits: &[u16]) -> Vec<u8> {
        let length = u32::try_from(6 + 2 * digits.len()).unwrap();
        let mut bytes = (length << 2).to_ne_bytes().to_vec();
        bytes.extend(header.to_ne_bytes());
        digits.iter().for_each(|digit| bytes.extend(digit.to_ne_bytes()));
        bytes
    }

    #[test]
    fn whole_numbers_are_read_and_others_are_not() {
        assert_eq!(small_whole(&numeric(0x8000, &[7])), Some(7));
        assert_eq!(small_whole(&numeric(0xA000, &[42])), Some(-42));
        assert_eq!(small_whole(&numeric(0x8001, &[12, 3456])), Some(123_456));
        assert_eq!(small_whole(&numeric(0x8001, &[12])), Some(120_000), "zeroes at the end are not stored");
        assert_eq!(small_whole(&numeric(0x8000, &[])), Some(0));
        assert_eq!(small_whole(&numeric(0x8000 | 2 << 7, &[1, 5000])), None, "1.50");
        assert_eq!(small_whole(&numeric(0x8000 | 1 << 7, &[1])), None, "1.0");
        assert_eq!(small_whole(&numeric(0x8002, &[1, 2, 3])), None, "too large for this");
        assert_eq!(small_whole(&numeric(0xC000, &[])), None, "NaN");
        assert_eq!(small_whole(&numeric(0x4000, &[1])), None, "the long form");
    }

    #[test]
    fn what_is_cut_short_has_no_children() {
        let one = |entry: u32, data: &[u8]| {
            let mut bytes = (IS_ARRAY | 1).to_ne_bytes().to_vec();
            bytes.extend(entry.to_ne_bytes());
            bytes.extend(data);
            bytes
        };
        let whole = one(STRING | 3, b"abc");
        assert_eq!(Container::of(&whole).unwrap().children().next().unwrap().bytes, b"abc");
        let cut = one(STRING | 4, b"abc");
        assert!(Container::of(&cut).unwrap().children().next().is_none());
        assert!(Container::of(&whole[..6]).is_none());
        assert!(Container::of(&(IS_OBJECT | COUNT).to_ne_bytes()).is_none());
    }
}
