//! From text to a tree of values that know their place. The only room that names the YAML crate.
//! It must not know what a manifest means.

mod placeholder;
mod problem;
mod scalar;
mod tree;

pub(crate) use tree::{Key, Node, Value, parse};
