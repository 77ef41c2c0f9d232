//! Guests and roles that mean harm, each named by what it does, through real SQL. What other suites prove is not repeated
//! here; SECURITY.md says where each attack has its test.

mod handles;
mod reuse;
