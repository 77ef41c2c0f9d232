//! JWTs: from the text of a bearer token to claims that can be believed, or to the reason why not.
//!
//! The road: `header` takes the token apart, `jwks` sees to it that the keys are fresh, `ring` finds the key and checks
//! the signature, `claims` reads what was signed. Nothing of a payload is looked at before its signature has been
//! verified. The module knows no HTTP request and no database: it takes a string and gives an owned value.

mod algorithm;
mod claims;
mod fetch;
mod header;
mod jwk;
mod jwks;
mod keys;
mod refused;
mod ring;
mod role;
mod settings;
mod strict;
#[cfg(test)]
mod tests;
mod verify;

pub use claims::Claims;
pub use refused::Refused;
pub use settings::TokenSettings;
pub use verify::Verifier;
