//! Guests and roles that mean harm, each named by what it does, through real SQL. What other suites prove is not repeated
//! here; SECURITY.md says where each attack has its test.

mod bombs;
mod bytes;
mod catalog;
mod floods;
mod handles;
mod identity;
mod locks;
mod loops;
mod measure;
mod recursion;
mod reuse;
mod shapes;
mod traps;
