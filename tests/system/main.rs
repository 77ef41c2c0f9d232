//! The extension as a user meets it: every test talks SQL to a live server, in a database of its own.

mod arguments;
mod calls;
mod deploy;
mod deploy_refused;
mod dump;
mod errors;
mod escalation;
mod events;
mod examples;
mod examples_preloaded;
mod hooks;
mod interrupts;
mod limits;
mod outcomes;
mod ownership;
mod plugins;
mod privileges;
mod query;
mod query_values;
mod results;
mod row_level_security;
mod scalars;
mod session_safety;
mod state;
mod surroundings;
mod versions;
