//! Secrets at rest and out of sight: the key file, sealed values, and taking values out of text that leaves.
//!
//! It must not know Postgres: where the file is and where sealed values are kept is the embedder's.

mod file;
mod key;
mod redact;
mod sealed;

pub use file::KeyFile;
pub use key::Keys;
pub use redact::{Redactor, SHORTEST};
pub use sealed::Unreadable;
pub use zeroize::Zeroizing;
