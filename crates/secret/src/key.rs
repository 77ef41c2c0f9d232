//! The keys of a server: the first encrypts, all decrypt.

use std::fmt::Write;

use ring::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

/// Bytes of a key.
const KEY: usize = 32;
/// Bytes of the name of a key: the beginning of its SHA-256.
pub(crate) const ID: usize = 4;

/// One key.
pub(crate) struct Key {
    pub(crate) id: [u8; ID],
    bytes: Zeroizing<[u8; KEY]>,
}

impl Key {
    fn new(bytes: Zeroizing<[u8; KEY]>) -> Self {
        let mut id = [0; ID];
        id.iter_mut().zip(digest(&SHA256, bytes.as_ref()).as_ref()).for_each(|(to, from)| *to = *from);
        Self { id, bytes }
    }

    fn random() -> Option<Self> {
        let mut bytes = Zeroizing::new([0; KEY]);
        SystemRandom::new().fill(bytes.as_mut()).ok()?;
        Some(Self::new(bytes))
    }

    pub(crate) fn cipher(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&AES_256_GCM, self.bytes.as_ref()).ok().map(LessSafeKey::new)
    }
}

/// All keys of a server, newest first.
pub struct Keys(pub(crate) Vec<Key>);

impl Keys {
    /// One new key.
    pub(crate) fn generate() -> Option<Self> {
        Key::random().map(|key| Self(vec![key]))
    }

    /// A new key in front of these.
    pub(crate) fn rotate(&mut self) -> Option<()> {
        self.0.insert(0, Key::random()?);
        Some(())
    }

    /// Reads the text of a key file: a key in hexadecimal on each line that is neither empty nor a comment.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys: Option<Vec<Key>> = lines.map(|line| hex(line).map(Key::new)).collect();
        keys.filter(|keys| !keys.is_empty()).map(Self)
    }

    /// The text of a key file.
    pub(crate) fn text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::from(
            "# Keys of the secrets of alyx_functions. The first encrypts, all decrypt.\n\
             # Without them the secrets are lost. Keep a copy apart from the copies of the database.\n",
        ));
        for key in &self.0 {
            for byte in key.bytes.iter() {
                let _ = write!(text, "{byte:02x}");
            }
            text.push('\n');
        }
        text
    }
}

fn hex(line: &str) -> Option<Zeroizing<[u8; KEY]>> {
    let mut bytes = Zeroizing::new([0; KEY]);
    if line.len() != 2 * KEY || !line.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(line.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}
