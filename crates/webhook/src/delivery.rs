//! A delivery as it came, and what every scheme reads of it: a header, a time, an id.

use crate::refused::Refused;

/// No header that is read is longer: enough for all signatures that are tried.
const LONGEST_HEADER: usize = 4096;
/// No id is longer.
const LONGEST_ID: usize = 256;

/// A delivery and the receiver's time.
#[derive(Clone, Copy)]
pub struct Delivery<'a> {
    /// Names and values, each line by itself; the case of a name does not matter.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body as it came, which need not be text.
    pub body: &'a [u8],
    /// The receiver's time, in seconds since 1970.
    pub now_s: i64,
    /// How far the delivery's time may be from it, either way, in seconds; usually [`TOLERANCE_S`](crate::TOLERANCE_S).
    pub tolerance_s: u32,
}

/// A delivery that comes from who it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// What a repetition of the delivery has, too: 1 to 256 visible ASCII characters.
    ///
    /// It is signed but with GitHub and [`Hmac::id_header`](crate::Hmac::id_header), where whoever has got hold of a
    /// delivery can send it again under another id.
    pub id: String,
    /// When it was sent, in seconds since 1970, where the scheme signs that.
    pub timestamp_s: Option<i64>,
}

impl<'a> Delivery<'a> {
    /// Whether there is such a header at all.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    /// The value of a header that is there once.
    pub(crate) fn header(&self, name: &str) -> Result<&'a str, Refused> {
        let mut values = self.values(name);
        let value = values.next().ok_or_else(|| Refused::Missing(name.to_owned()))?;
        if values.next().is_some() {
            return Err(Refused::Repeated(name.to_owned()));
        }
        if value.len() > LONGEST_HEADER {
            return Err(malformed(name));
        }
        Ok(value)
    }

    /// The id in a header.
    pub(crate) fn id(&self, name: &str) -> Result<&'a str, Refused> {
        self.header(name).and_then(|id| is_id(id).then_some(id).ok_or_else(|| malformed(name)))
    }

    /// Reads a time that stands in a header, and checks that it is near.
    pub(crate) fn time(&self, name: &str, text: &str) -> Result<i64, Refused> {
        let time_s = seconds(text).ok_or_else(|| malformed(name))?;
        // As an unsigned number the distance of any two times fits.
        match time_s.abs_diff(self.now_s) <= u64::from(self.tolerance_s) {
            true => Ok(time_s),
            false if time_s < self.now_s => Err(Refused::Stale),
            false => Err(Refused::Future),
        }
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(its, _)| its.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }
}

/// The header is not of the scheme's form.
pub(crate) fn malformed(name: &str) -> Refused {
    Refused::Malformed(name.to_owned())
}

/// What can be an id in every place where ids are kept and shown.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Seconds in the only way to write them: `parse` alone would take a sign and leading zeros.
fn seconds(text: &str) -> Option<i64> {
    let is_canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_canonical)
}
