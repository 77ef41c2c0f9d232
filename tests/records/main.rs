//! Records and statistics: what is known of an invocation when everything else about it is gone.
//!
//! A server of its own that preloads the library, shared by all tests here but those that stop it.

mod endings;
mod house;
mod javascript;
mod keeping;
mod load;
mod policies;
mod ring;
mod views;
