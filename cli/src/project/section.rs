//! Custom sections of a module: where a build tool leaves what the source says about itself (`export const config`).
//! Nothing else of the module is read or checked here; that is the database's work.

/// Name of the section that holds a manifest as JSON.
pub(crate) const MANIFEST: &str = "alyx.manifest";

/// The contents of the first custom section of that name. Bytes that are no module have none.
pub(crate) fn custom<'w>(wasm: &'w [u8], name: &str) -> Option<&'w [u8]> {
    let mut rest = wasm.strip_prefix(b"\0asm\x01\0\0\0")?;
    while let Some((id, tail)) = rest.split_first() {
        let (length, tail) = number(tail)?;
        let (section, tail) = tail.split_at_checked(length)?;
        rest = tail;
        if *id != 0 {
            continue;
        }
        let (length, section) = number(section)?;
        let (found, content) = section.split_at_checked(length)?;
        if found == name.as_bytes() {
            return Some(content);
        }
    }
    None
}

/// An unsigned LEB128 number of at most 32 bits, and what follows it.
fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, bytes.get(at + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::custom;

    #[test]
    fn sections_are_found_behind_others_and_in_no_rubbish() {
        let mut wasm = b"\0asm\x01\0\0\0".to_vec();
        wasm.extend(b"\x01\x01\x00"); // an empty type section
        wasm.extend(b"\x00\x03\x01xy");
        wasm.extend(b"\x00\x81\x00\x00"); // a length in two bytes: a nameless section
        wasm.extend(b"\x00\x07\x04abcdhi");
        assert_eq!(custom(&wasm, "abcd"), Some(&b"hi"[..]));
        assert_eq!(custom(&wasm, "x"), Some(&b"y"[..]));
        assert_eq!(custom(&wasm, "z"), None);
        for length in 0..wasm.len() {
            let _ = custom(&wasm[..length], "abcd");
        }
        assert_eq!(custom(b"<html>", "abcd"), None);
        assert_eq!(custom(b"\0asm\x01\0\0\0\x00\xff\xff\xff\xff\xff\x01", "abcd"), None);
    }
}
