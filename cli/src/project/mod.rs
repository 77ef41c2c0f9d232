//! Function folders: which there are, how each is built, what its manifest says. It knows files and no database.

mod build;
mod diff;
mod environment;
mod find;
mod function;
mod language;
mod manifest;
mod section;
mod template;
mod tree;
mod yaml;

pub(crate) use build::{Running, build, check_output, install_packages, start};
pub(crate) use diff::{Change, changes};
pub(crate) use environment::Environment;
pub(crate) use find::{below, find, is_ignored};
pub(crate) use function::{Folder, Ready, is_function_name};
pub(crate) use language::Language;
pub(crate) use template::{Lang, files};
