//! Calls that are to happen later: by SQL, by a guest, by a trigger. What is later called walks the road as a job.

use crate::catalog::{self, Function};
use crate::error::Error;
use crate::pg::{PgError, Role, backend, clock};
use crate::queue::{self, NewJob, Source};
use crate::record::InvocationId;

/// How a job stands among others.
#[derive(Clone, Debug, Default)]
pub struct Order {
    /// When it may run, in microseconds since 1970; now when absent.
    pub run_at_us: Option<i64>,
    /// Higher is earlier.
    pub priority: i32,
    /// Jobs of one function and key run one at a time.
    pub ordering_key: Option<String>,
    /// While a job of this key waits or runs, no other is made.
    pub dedupe_key: Option<String>,
}

/// Has a function called after commit, as `role`, which the current role already is.
///
/// # Errors
/// 42883 for an unknown function, 42501 when the role may not call it, 55000 in a server that runs no jobs.
pub fn enqueue(name: &str, input: &str, order: Order, role: Role) -> Result<InvocationId, PgError> {
    let function = catalog::find(name)?;
    if !function.may_be_called_by(role)? {
        return Err(Error::NotAllowed {
            message: format!("permission denied for function \"{name}\""),
            hint: Some("Calling it takes EXECUTE on its SQL function.".to_owned()),
        }
        .into());
    }
    // Told to whoever asks for it, rather than to a worker, again and again.
    super::check_input(&function, input.as_bytes())?;
    make(&function, Source::Queue, input.to_owned(), order, role, None)
}

/// The same for a guest; gives the job's id.
pub(super) fn for_guest(request: &alyx_abi::Enqueue<'_>, role: Role) -> Result<String, PgError> {
    let run_at_us = match (&request.run_at, request.delay_ms) {
        (None, None) => None,
        (run_at, delay_ms) => {
            let from_us = run_at.as_deref().map(clock::parse_us).transpose()?.unwrap_or_else(clock::now_us);
            Some(from_us.saturating_add(i64::from(delay_ms.unwrap_or(0)) * 1000))
        }
    };
    let order = Order {
        run_at_us,
        priority: request.priority,
        ordering_key: request.ordering_key.as_deref().map(str::to_owned),
        dedupe_key: request.dedupe_key.as_deref().map(str::to_owned),
    };
    let input = request.input.map_or("{}", serde_json::value::RawValue::get);
    enqueue(&request.name, input, order, role).map(|id| id.to_string())
}

/// Has the function of an asynchronous trigger called after commit with the event's database block.
pub fn enqueue_event(function: &Function, block: String, role: Role) -> Result<InvocationId, PgError> {
    make(function, Source::Database, block, Order::default(), role, None)
}

/// Has a function called after commit, as its owner, with a delivery that was proved to come from its sender.
///
/// # Errors
/// 22023 for an input that the function does not take, 55000 in a server that runs no jobs.
pub fn enqueue_delivery(function: &Function, id: InvocationId, request: &super::Request<'_>) -> Result<(), PgError> {
    let input = request.input(function)?;
    super::check_input(function, input.as_bytes())?;
    let mut payload = Vec::with_capacity(input.len() + 2 * request.body.len() + 512);
    payload.extend_from_slice(b"{\"input\":");
    payload.extend_from_slice(input.as_bytes());
    payload.extend_from_slice(b",\"http\":");
    request.write(&mut payload);
    payload.push(b'}');
    let payload = String::from_utf8_lossy(&payload).into_owned();
    make(function, Source::Webhook, payload, Order::default(), function.owner, Some(id)).map(drop)
}

fn make(
    function: &Function,
    source: Source,
    payload: String,
    order: Order,
    role: Role,
    id: Option<InvocationId>,
) -> Result<InvocationId, PgError> {
    if !backend::is_preloaded() {
        return Err(Error::NotPreloaded { what: "jobs" }.into());
    }
    queue::enqueue(NewJob {
        id,
        function_id: function.id,
        source,
        role,
        claims: backend::setting("request.jwt.claims"),
        payload,
        run_at_us: order.run_at_us,
        priority: order.priority,
        ordering_key: order.ordering_key,
        dedupe_key: order.dedupe_key,
        schedule_id: None,
    })
}
