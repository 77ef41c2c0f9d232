//! The guest's memory as WASI sees it: every pointer is the guest's claim, and is checked.

/// Error numbers of WASI preview 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errno {
    Success = 0,
    BadFile = 8,
    Fault = 21,
    Invalid = 28,
    NotSupported = 52,
    NoSeek = 70,
}

impl Errno {
    pub(super) fn code(self) -> u32 {
        u32::from(self as u8)
    }
}

/// Why a WASI function did not do its work.
pub(super) enum Stopped {
    /// The guest is told.
    Errno(Errno),
    /// The guest ends.
    Guest(wasmtime::Error),
}

impl From<Errno> for Stopped {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl From<wasmtime::Error> for Stopped {
    fn from(error: wasmtime::Error) -> Self {
        Self::Guest(error)
    }
}

/// The guest's linear memory.
pub(super) struct Memory<'a>(&'a mut [u8]);

impl<'a> Memory<'a> {
    pub(super) fn new(bytes: &'a mut [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(&self, at: u32, length: u32) -> Result<&[u8], Errno> {
        let (start, end) = range(at, length)?;
        self.0.get(start..end).ok_or(Errno::Fault)
    }

    pub(super) fn bytes_mut(&mut self, at: u32, length: u32) -> Result<&mut [u8], Errno> {
        let (start, end) = range(at, length)?;
        self.0.get_mut(start..end).ok_or(Errno::Fault)
    }

    pub(super) fn put(&mut self, at: u32, bytes: &[u8]) -> Result<(), Errno> {
        let length = u32::try_from(bytes.len()).map_err(|_| Errno::Fault)?;
        self.bytes_mut(at, length)?.copy_from_slice(bytes);
        Ok(())
    }

    pub(super) fn put_u32(&mut self, at: u32, value: u32) -> Result<(), Errno> {
        self.put(at, &value.to_le_bytes())
    }

    pub(super) fn put_u64(&mut self, at: u32, value: u64) -> Result<(), Errno> {
        self.put(at, &value.to_le_bytes())
    }

    pub(super) fn u32(&self, at: u32) -> Result<u32, Errno> {
        let bytes = self.bytes(at, 4)?.first_chunk().ok_or(Errno::Fault)?;
        Ok(u32::from_le_bytes(*bytes))
    }
}

/// `base + index * size`, where it is an address.
pub(super) fn element(base: u32, index: u32, size: u32) -> Result<u32, Errno> {
    index.checked_mul(size).and_then(|offset| base.checked_add(offset)).ok_or(Errno::Fault)
}

fn range(at: u32, length: u32) -> Result<(usize, usize), Errno> {
    let start = usize::try_from(at).map_err(|_| Errno::Fault)?;
    let length = usize::try_from(length).map_err(|_| Errno::Fault)?;
    Ok((start, start.checked_add(length).ok_or(Errno::Fault)?))
}
