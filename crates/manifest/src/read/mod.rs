//! From the tree to the checked manifest: which keys there are, what each may hold, what goes with what.
//! It must not know how YAML is parsed.

mod database;
mod function;
mod hook;
mod policy;

pub(crate) use function::manifest;
