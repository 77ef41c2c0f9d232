//! Outbound HTTP: guests fetch from servers of the tests' own, on loopback, with names from a name server of the tests' own.
//!
//! No test needs the network. Loopback is closed to guests like every special address; the tests open of it what they need.

mod addresses;
mod allowed;
mod connections;
mod extism;
mod house;
mod places;
mod redirects;
mod replies;
mod requests;
mod secure;
mod stops;
mod surroundings;
