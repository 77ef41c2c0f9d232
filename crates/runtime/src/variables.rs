//! Extism's variables: bytes by name that live as long as the instance.

use std::collections::BTreeMap;

/// What a variable costs besides its key and value.
const VARIABLE_COST: u64 = 32;

/// No room for the variable.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// The variables of one instance, with the bytes they hold.
#[derive(Debug, Default)]
pub(crate) struct Variables {
    values: BTreeMap<String, Vec<u8>>,
    bytes: u64,
}

impl Variables {
    /// Bytes held, with the cost of each variable.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The value of `key`.
    pub(crate) fn get(&self, key: &str) -> Option<&[u8]> {
        self.values.get(key).map(Vec::as_slice)
    }

    /// Sets `key`, within `limit` bytes for all variables.
    pub(crate) fn set(&mut self, key: String, value: &[u8], limit: u64) -> Result<(), Full> {
        let old = self.get(&key).map_or(0, |old| Self::cost(&key, old));
        let bytes = (self.bytes - old).saturating_add(Self::cost(&key, value));
        if bytes > limit {
            return Err(Full);
        }
        self.bytes = bytes;
        self.values.insert(key, value.to_vec());
        Ok(())
    }

    /// Removes `key`.
    pub(crate) fn remove(&mut self, key: &str) {
        if let Some(old) = self.values.remove(key) {
            self.bytes -= Self::cost(key, &old);
        }
    }

    /// Bytes that a variable holds, with what it costs besides.
    pub(crate) fn cost(key: &str, value: &[u8]) -> u64 {
        u64::try_from(key.len().saturating_add(value.len())).unwrap_or(u64::MAX).saturating_add(VARIABLE_COST)
    }
}
