//! The road of an invocation, for the code that `#[handler]` writes: input, handler, outcome or error.

use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::error::Error;
use crate::host::{self, sys};
use crate::outcome::{IntoOutcome, Outcome};
use crate::panics::report_panics;

/// Runs a handler; its exit code.
pub fn run(handler: impl FnOnce(&Context) -> Result<Outcome, Error>) -> i32 {
    report_panics();
    host::begin();
    let ctx = Context::new(sys::input(), sys::is_event());
    match handler(&ctx).and_then(|outcome| outcome.write(&ctx)) {
        Ok(()) => 0,
        Err(error) => {
            error.raise();
            1
        }
    }
}

/// What a handler can take.
#[diagnostic::on_unimplemented(
    message = "a handler cannot take `{Self}`: it is neither `Context` nor a type that serde can read",
    note = "derive `serde::Deserialize` for it; it must own what it holds, so `String` and not `&str`"
)]
pub trait Argument: Sized {
    /// Takes it from the invocation.
    fn take(ctx: &Context) -> Result<Self, Error>;
}

impl Argument for Context {
    fn take(ctx: &Context) -> Result<Self, Error> {
        Ok(ctx.clone())
    }
}

impl<T: DeserializeOwned> Argument for T {
    fn take(ctx: &Context) -> Result<Self, Error> {
        ctx.input_as()
    }
}

/// What the first of two parameters can be.
#[diagnostic::on_unimplemented(
    message = "the first of two parameters of a handler is `Context`, not `{Self}`",
    note = "write `ctx: Context, input: …`; put several values into one struct that derives `serde::Deserialize`"
)]
pub trait First: Sized {
    /// Takes it from the invocation.
    fn take(ctx: &Context) -> Result<Self, Error>;
}

impl First for Context {
    fn take(ctx: &Context) -> Result<Self, Error> {
        Ok(ctx.clone())
    }
}

/// What a handler can return.
#[diagnostic::on_unimplemented(
    message = "a handler returns `Result<T, Error>`, not `{Self}`",
    note = "wrap it: `-> Result<{Self}, alyx_functions::Error>`"
)]
pub trait Returned {
    /// The outcome, or what the invocation ends with.
    fn settle(self) -> Result<Outcome, Error>;
}

impl<T: IntoOutcome, E: Into<Error>> Returned for Result<T, E> {
    fn settle(self) -> Result<Outcome, Error> {
        self.map_err(Into::into)?.into_outcome()
    }
}
