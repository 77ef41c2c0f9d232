//! A sealed value: AES-256-GCM under one of the server's keys, bound to the name it was sealed under.
//!
//! Layout: version (1 byte, 1), id of the key (4), nonce (12), ciphertext and tag.

use ring::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::key::{ID, Keys};

const VERSION: u8 = 1;

/// Why a sealed value cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// No key that the server has sealed it.
    NoKey,
    /// It is not what was sealed under this name.
    Damaged,
}

impl Keys {
    /// Seals a value under a name; `None` only when the system gives no random numbers.
    pub fn seal(&self, name: &str, value: &[u8]) -> Option<Vec<u8>> {
        let key = self.0.first()?;
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).ok()?;
        let mut sealed = vec![VERSION];
        sealed.extend_from_slice(&key.id);
        sealed.extend_from_slice(&nonce);
        let mut text = value.to_vec();
        let aad = Aad::from(name.as_bytes());
        key.cipher()?.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut text).ok()?;
        sealed.extend_from_slice(&text);
        Some(sealed)
    }

    /// Opens what was sealed under this name.
    ///
    /// # Errors
    /// It was sealed by another key, under another name, or has been changed since.
    pub fn open(&self, name: &str, sealed: &[u8]) -> Result<Zeroizing<String>, Unreadable> {
        let (&version, rest) = sealed.split_first().ok_or(Unreadable::Damaged)?;
        let (id, rest) = rest.split_at_checked(ID).ok_or(Unreadable::Damaged)?;
        let (nonce, text) = rest.split_at_checked(NONCE_LEN).ok_or(Unreadable::Damaged)?;
        if version != VERSION || text.len() < AES_256_GCM.tag_len() {
            return Err(Unreadable::Damaged);
        }
        let key = self.0.iter().find(|key| key.id == id).ok_or(Unreadable::NoKey)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Unreadable::Damaged)?;
        let cipher = key.cipher().ok_or(Unreadable::Damaged)?;
        let mut text = Zeroizing::new(text.to_vec());
        let opened = cipher.open_in_place(nonce, Aad::from(name.as_bytes()), &mut text);
        let value = opened.map_err(|_| Unreadable::Damaged)?;
        std::str::from_utf8(value).map(|value| Zeroizing::new(value.to_owned())).map_err(|_| Unreadable::Damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_under_its_name_alone() {
        let keys = Keys::generate().unwrap();
        let sealed = keys.seal("STRIPE", "sk_live_é".as_bytes()).unwrap();
        assert_eq!(keys.open("STRIPE", &sealed).unwrap().as_str(), "sk_live_é");
        assert_eq!(keys.open("OTHER", &sealed), Err(Unreadable::Damaged));
        assert_ne!(sealed, keys.seal("STRIPE", "sk_live_é".as_bytes()).unwrap());
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let keys = Keys::generate().unwrap();
        let sealed = keys.seal("K", b"value").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(keys.open("K", &changed).is_err(), "byte {at}");
            assert!(keys.open("K", &sealed[..at]).is_err(), "{at} bytes");
        }
    }

    #[test]
    fn older_keys_still_open_and_the_newest_seals() {
        let mut keys = Keys::generate().unwrap();
        let old = keys.seal("K", b"value").unwrap();
        keys.rotate().unwrap();
        assert_eq!(keys.open("K", &old).unwrap().as_str(), "value");
        let new = keys.seal("K", b"value").unwrap();
        assert_ne!(old[1..5], new[1..5]);
        let without_new = Keys(keys.0.split_off(1));
        assert_eq!(without_new.open("K", &new), Err(Unreadable::NoKey));
    }

    #[test]
    fn keys_survive_their_file() {
        let mut keys = Keys::generate().unwrap();
        keys.rotate().unwrap();
        let sealed = keys.seal("K", b"value").unwrap();
        let read = Keys::parse(&keys.text()).unwrap();
        assert_eq!(read.open("K", &sealed).unwrap().as_str(), "value");
        for text in ["", "# nothing\n", "zz", "00", &format!("{}0", *keys.text())] {
            assert!(Keys::parse(text).is_none(), "{text:?}");
        }
    }
}
