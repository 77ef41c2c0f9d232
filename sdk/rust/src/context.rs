//! `Context`: the input of an invocation, read when it is asked for.

use std::cell::OnceCell;
use std::fmt;
use std::rc::Rc;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::value::RawValue;
use serde_json::Value;

use crate::error::Error;
use crate::event::{read, Auth, Database, Event, HttpRequest, Op, Schedule, Trigger};
use crate::{host, json};

/// What a handler is given: the input, what led here, who asks.
///
/// Nothing is read before it is asked for, so a handler pays for what it uses. Each of the methods that return a type of your
/// choice reads the JSON anew: keep what they return. Copies are cheap, and all the same invocation.
#[derive(Clone)]
pub struct Context(Rc<Inner>);

struct Inner {
    bytes: Vec<u8>,
    is_event: bool,
    event: OnceCell<Event>,
}

impl Context {
    pub(crate) fn new(bytes: Vec<u8>, is_event: bool) -> Self {
        Self(Rc::new(Inner { bytes, is_event, event: OnceCell::new() }))
    }

    /// What the caller passed: the JSON of a call or a job, the body of an HTTP request; null in triggers.
    ///
    /// # Errors
    /// 22023 when it is not JSON, as may be where an SQL function takes `text` or `bytea`: [`text`](Self::text) and
    /// [`bytes`](Self::bytes) give it as it is.
    pub fn input(&self) -> Result<Value, Error> {
        self.input_as()
    }

    /// The same as a type of your own. A handler can take it as a parameter instead, see [`handler`](crate::handler).
    ///
    /// # Errors
    /// 22023 when it does not fit the type; message and field name the path of the value, as `lines[2].qty`.
    pub fn input_as<T: DeserializeOwned>(&self) -> Result<T, Error> {
        if !self.0.is_event {
            return json::read_input(&self.0.bytes);
        }
        let event = self.event();
        match (event.input.as_deref().map_or("null", RawValue::get), event.http.as_deref()) {
            ("null", Some(request)) => body_of(request),
            (input, _) => json::read_input(input.as_bytes()),
        }
    }

    /// The input as text: what was passed where an SQL function takes `text`, else its JSON; of an event all of it.
    ///
    /// # Errors
    /// 22021 when it is not valid UTF-8, as may be where an SQL function takes `bytea`.
    pub fn text(&self) -> Result<&str, Error> {
        std::str::from_utf8(&self.0.bytes)
            .map_err(|error| Error::new("22021", format!("the input is no text: {error}")))
    }

    /// The input as bytes, as it came.
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// Whether a trigger, a job, a schedule or a request led here, and not a call by SQL.
    pub fn is_event(&self) -> bool {
        self.0.is_event
    }

    /// What led here, and who asks. Of a plain call the host is asked for it when it is used first.
    pub fn event(&self) -> &Event {
        self.0.event.get_or_init(|| {
            if self.0.is_event {
                return Event::of(&self.0.bytes);
            }
            // The host refuses this to nobody.
            Event::of(&host::ask_bytes(host::CONTEXT, &host::Empty {}).unwrap_or_default())
        })
    }

    /// Who calls: the role, and the claims of PostgREST's `request.jwt.claims`.
    pub fn auth(&self) -> &Auth {
        &self.event().auth
    }

    /// A UUID of this invocation; of a job the same in every attempt, so it can name its effects elsewhere.
    pub fn id(&self) -> &str {
        &self.event().id
    }

    /// Which try of a job this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.event().attempt
    }

    /// What led here.
    pub fn trigger(&self) -> Trigger {
        self.event().trigger
    }

    /// The database trigger that led here: table, operation, timing.
    pub fn database(&self) -> Option<&Database> {
        // A plain call has none, and to ask the host for that would be a waste.
        if self.0.is_event {
            self.event().database.as_ref()
        } else {
            None
        }
    }

    /// What the trigger's statement does.
    pub fn op(&self) -> Option<Op> {
        self.database()?.op
    }

    /// The arguments of CREATE TRIGGER.
    pub fn args(&self) -> &[String] {
        self.database().map_or(&[], |database| &database.args)
    }

    /// The times, when a schedule led here.
    pub fn schedule(&self) -> Option<&Schedule> {
        if self.0.is_event {
            self.event().schedule.as_ref()
        } else {
            None
        }
    }

    /// The request, when an HTTP request led here.
    ///
    /// # Errors
    /// When the host's block does not fit the type.
    pub fn http(&self) -> Result<Option<HttpRequest>, Error> {
        if self.0.is_event {
            read(self.event().http.as_deref(), "the request")
        } else {
            Ok(None)
        }
    }

    /// The new row of a row trigger; `None` in a DELETE and where no row trigger led here.
    ///
    /// A `numeric` is a number of JSON in it, exact to about 17 digits: read it as [`Numeric`](crate::Numeric) with
    /// [`row_as`](Self::row_as) where that is too few. `bigint` is exact.
    ///
    /// # Errors
    /// When a column holds JSON that is nested more than a hundred levels deep.
    pub fn row(&self) -> Result<Option<Value>, Error> {
        self.row_as()
    }

    /// The same as a type of your own, whose members are columns; those that it does not have are left out.
    ///
    /// # Errors
    /// 42804 when it does not fit the type; the message names the column.
    ///
    /// ```
    /// # use alyx_functions::{Context, Error};
    /// #[derive(serde::Deserialize)]
    /// struct Post { title: String, slug: Option<String> }
    ///
    /// fn title_of(ctx: &Context) -> Result<Option<String>, Error> {
    ///     Ok(ctx.row_as::<Post>()?.map(|post| post.title))
    /// }
    /// ```
    pub fn row_as<T: DeserializeOwned>(&self) -> Result<Option<T>, Error> {
        read(self.database().and_then(|database| database.new.as_deref()), "the new row")
    }

    /// The old row of a row trigger; `None` in an INSERT and where no row trigger led here.
    ///
    /// # Errors
    /// As for [`row`](Self::row).
    pub fn old(&self) -> Result<Option<Value>, Error> {
        self.old_as()
    }

    /// The same as a type of your own.
    ///
    /// # Errors
    /// As for [`row_as`](Self::row_as).
    pub fn old_as<T: DeserializeOwned>(&self) -> Result<Option<T>, Error> {
        read(self.database().and_then(|database| database.old.as_deref()), "the old row")
    }

    /// The new rows of a statement trigger with transition tables; empty where there are none.
    ///
    /// # Errors
    /// As for [`row`](Self::row).
    pub fn rows(&self) -> Result<Vec<Value>, Error> {
        self.rows_as()
    }

    /// The same as a type of your own.
    ///
    /// # Errors
    /// As for [`row_as`](Self::row_as).
    pub fn rows_as<T: DeserializeOwned>(&self) -> Result<Vec<T>, Error> {
        let rows = self.database().and_then(|database| database.new_rows.as_deref());
        Ok(read(rows, "the new rows")?.unwrap_or_default())
    }

    /// The old rows of a statement trigger with transition tables; empty where there are none.
    ///
    /// # Errors
    /// As for [`row`](Self::row).
    pub fn old_rows(&self) -> Result<Vec<Value>, Error> {
        self.old_rows_as()
    }

    /// The same as a type of your own.
    ///
    /// # Errors
    /// As for [`row_as`](Self::row_as).
    pub fn old_rows_as<T: DeserializeOwned>(&self) -> Result<Vec<T>, Error> {
        let rows = self.database().and_then(|database| database.old_rows.as_deref());
        Ok(read(rows, "the old rows")?.unwrap_or_default())
    }

    /// [`env`](crate::env()): an environment value or a granted secret.
    ///
    /// # Errors
    /// As there.
    pub fn env(&self, name: &str) -> Result<Option<String>, Error> {
        crate::env(name)
    }
}

/// The body of a request: JSON where it is that, else a text.
fn body_of<T: DeserializeOwned>(request: &RawValue) -> Result<T, Error> {
    let HttpRequest { body, .. } = json::read_value("the request", request.get())?;
    if body.is_empty() || serde_json::from_str::<IgnoredAny>(&body).is_ok() {
        return json::read_input(body.as_bytes());
    }
    json::read_input(Value::String(body).to_string().as_bytes())
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("is_event", &self.0.is_event)
            .field("input", &String::from_utf8_lossy(&self.0.bytes))
            .finish()
    }
}
