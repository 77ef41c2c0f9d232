//! The bytes of a cache entry.
//!
//! ```text
//! compiled module (ELF, as wasmtime maps it) | summary (JSON) | lengths of both (2 × u64) | SHA-256 | magic
//! ```
//! The compiled module comes first because it is mapped from the start of the file. The digest covers the entry's name
//! too: an entry that was copied over another is damaged.

use crate::summary::Summary;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

/// Also the version of this format and of [`Summary`].
const MAGIC: &[u8; 16] = b"alyx compiled 02";
const DIGEST_BYTES: usize = 32;
const LENGTHS_BYTES: usize = 16;
const TRAILER_BYTES: usize = LENGTHS_BYTES + DIGEST_BYTES + MAGIC.len();
/// Bytes read at once while the digest is taken.
const CHUNK_BYTES: usize = 128 << 10;
/// A summary is smaller than the module it describes; this bounds what a damaged file can make us allocate.
const MAX_SUMMARY_BYTES: u64 = 64 << 20;

/// Writes an entry to an empty file.
pub(crate) fn write(file: &mut File, name: &str, artefact: &[u8], summary: &Summary) -> io::Result<()> {
    let summary = serde_json::to_vec(summary)?;
    let mut lengths = Vec::with_capacity(LENGTHS_BYTES);
    for part in [artefact, &summary] {
        lengths.extend_from_slice(&u64::try_from(part.len()).map_err(io::Error::other)?.to_le_bytes());
    }
    let mut digest = Sha256::new();
    digest.update(name);
    for part in [artefact, &summary, &lengths] {
        digest.update(part);
        file.write_all(part)?;
    }
    file.write_all(&digest.finalize())?;
    file.write_all(MAGIC)
}

/// Verifies an entry, unless its digest is known to be right, and reads its summary; the file is at its start again
/// afterwards.
pub(crate) fn read(file: &File, name: &str, is_known: bool) -> Result<Summary, String> {
    verify(file, name, is_known).map_err(|error| error.to_string())
}

fn verify(mut file: &File, name: &str, is_known: bool) -> io::Result<Summary> {
    let damaged = |what| io::Error::new(io::ErrorKind::InvalidData, what);
    let mut trailer = [0; TRAILER_BYTES];
    let trailer_at = file.metadata()?.len().checked_sub(TRAILER_BYTES as u64).ok_or_else(|| damaged("too short"))?;
    file.seek(SeekFrom::Start(trailer_at))?;
    file.read_exact(&mut trailer)?;
    let (lengths, rest) = trailer.split_at(LENGTHS_BYTES);
    let (expected, magic) = rest.split_at(DIGEST_BYTES);
    if magic != MAGIC {
        return Err(damaged("unknown format"));
    }
    let [artefact_bytes, summary_bytes] = parse_lengths(lengths).ok_or_else(|| damaged("no lengths"))?;
    if artefact_bytes.checked_add(summary_bytes) != Some(trailer_at) || summary_bytes > MAX_SUMMARY_BYTES {
        return Err(damaged("wrong lengths"));
    }
    let mut digest = Sha256::new();
    digest.update(name);
    let mut left = if is_known { 0 } else { artefact_bytes };
    file.seek(SeekFrom::Start(artefact_bytes - left))?;
    let mut chunk = vec![0; CHUNK_BYTES];
    while left > 0 {
        let wanted = usize::try_from(left).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
        let part = chunk.get_mut(..wanted).ok_or_else(|| damaged("no chunk"))?;
        file.read_exact(part)?;
        digest.update(part);
        left -= u64::try_from(wanted).map_err(io::Error::other)?;
    }
    let mut summary = vec![0; usize::try_from(summary_bytes).map_err(io::Error::other)?];
    file.read_exact(&mut summary)?;
    digest.update(&summary);
    digest.update(lengths);
    if !is_known && digest.finalize().as_slice() != expected {
        return Err(damaged("wrong digest"));
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(serde_json::from_slice(&summary)?)
}

fn parse_lengths(bytes: &[u8]) -> Option<[u64; 2]> {
    let (first, second) = bytes.split_first_chunk::<8>()?;
    Some([u64::from_le_bytes(*first), u64::from_le_bytes(*second.first_chunk::<8>()?)])
}
