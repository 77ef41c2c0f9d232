//! Clocks, random numbers, environment, exit.

use super::answer;
use super::guest::{Errno, Memory, Stopped, element};
use crate::host::Host;
use crate::state::{State, Stop};
use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use wasmtime::{Caller, Linker};

/// Subscriptions of one poll.
const MAX_SUBSCRIPTIONS: u32 = 1024;
/// Random bytes between two questions whether to go on.
const RANDOM_CHUNK: usize = 64 << 10;

/// What random bytes are where nothing is random.
const FROZEN_RANDOM: u8 = 0x5a;

const REALTIME: u32 = 0;
/// Monotonic and the two clocks of processor time, which are the same here.
const LAST_CLOCK: u32 = 3;

pub(super) fn define<H: Host>(linker: &mut Linker<State<H>>, ns: &str, name: &str) -> wasmtime::Result<bool> {
    type Env<'a, H> = Caller<'a, State<H>>;
    match name {
        // Both answer: none.
        "args_sizes_get" => linker.func_wrap(ns, name, |env: Env<'_, H>, count: u32, bytes: u32| {
            answer(env, |memory, _| put_sizes(memory, (count, 0), (bytes, 0)))
        })?,
        "args_get" => linker.func_wrap(ns, name, |_: u32, _: u32| Errno::Success.code())?,
        "environ_sizes_get" => linker.func_wrap(ns, name, |env: Env<'_, H>, count: u32, bytes: u32| {
            answer(env, |memory, state| {
                let list = environment(state);
                let number = u32::try_from(list.len()).map_err(|_| Errno::Fault)?;
                let size: usize = list.iter().map(Vec::len).sum();
                put_sizes(memory, (count, number), (bytes, u32::try_from(size).map_err(|_| Errno::Fault)?))
            })
        })?,
        "environ_get" => linker.func_wrap(ns, name, |env: Env<'_, H>, pointers: u32, text: u32| {
            answer(env, |memory, state| environ_get(memory, state, pointers, text))
        })?,
        "clock_res_get" => linker.func_wrap(ns, name, |env: Env<'_, H>, clock: u32, into: u32| {
            answer(env, |memory, _| {
                now(clock)?;
                Ok(memory.put_u64(into, 1)?)
            })
        })?,
        "clock_time_get" => linker.func_wrap(ns, name, |env: Env<'_, H>, clock: u32, _: u64, into: u32| {
            answer(env, |memory, state| {
                let now = now(clock)?;
                Ok(memory.put_u64(into, if state.is_frozen { 0 } else { now })?)
            })
        })?,
        "random_get" => linker.func_wrap(ns, name, |env: Env<'_, H>, into: u32, length: u32| {
            answer(env, |memory, state| random_get(memory, state, into, length))
        })?,
        "poll_oneoff" => {
            linker.func_wrap(ns, name, |env: Env<'_, H>, input: u32, output: u32, n: u32, stored: u32| {
                answer(env, |memory, _| poll_oneoff(memory, input, output, n, stored))
            })?
        }
        "sched_yield" => linker.func_wrap(ns, name, || Errno::Success.code())?,
        "proc_exit" => linker.func_wrap(ns, name, |mut env: Env<'_, H>, code: i32| -> wasmtime::Result<()> {
            Err(env.data_mut().stop(Stop::Exit(code)))
        })?,
        _ => return Ok(false),
    };
    Ok(true)
}

fn put_sizes(memory: &mut Memory<'_>, count: (u32, u32), bytes: (u32, u32)) -> Result<(), Stopped> {
    memory.put_u32(count.0, count.1)?;
    Ok(memory.put_u32(bytes.0, bytes.1)?)
}

/// `KEY=value` with a zero byte at the end; asked of the host once, so that both WASI functions agree.
fn environment<H: Host>(state: &mut State<H>) -> &[Vec<u8>] {
    if state.environment.is_none() {
        let variables = state.host.environment();
        let usable = variables.into_iter().filter(|(key, value)| !key.contains(['=', '\0']) && !value.contains('\0'));
        state.environment = Some(usable.map(|(key, value)| format!("{key}={value}\0").into_bytes()).collect());
    }
    state.environment.as_deref().unwrap_or_default()
}

fn environ_get<H: Host>(
    memory: &mut Memory<'_>,
    state: &mut State<H>,
    pointers: u32,
    mut text: u32,
) -> Result<(), Stopped> {
    for (index, entry) in (0..).zip(environment(state)) {
        memory.put_u32(element(pointers, index, 4)?, text)?;
        memory.put(text, entry)?;
        let length = u32::try_from(entry.len()).map_err(|_| Errno::Fault)?;
        text = text.checked_add(length).ok_or(Errno::Fault)?;
    }
    Ok(())
}

/// Nanoseconds since 1970, or since this process first asked.
fn now(clock: u32) -> Result<u64, Errno> {
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = match clock {
        REALTIME => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        1..=LAST_CLOCK => START.get_or_init(Instant::now).elapsed(),
        _ => return Err(Errno::Invalid),
    };
    Ok(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX))
}

fn random_get<H: Host>(memory: &mut Memory<'_>, state: &mut State<H>, into: u32, length: u32) -> Result<(), Stopped> {
    for (index, chunk) in memory.bytes_mut(into, length)?.chunks_mut(RANDOM_CHUNK).enumerate() {
        if index > 0 {
            state.check_interrupt()?;
        }
        if state.is_frozen {
            chunk.fill(FROZEN_RANDOM);
        } else {
            getrandom::fill(chunk).map_err(|_| Errno::NotSupported)?;
        }
    }
    Ok(())
}

/// Every subscription is ready at once: a function has a time limit and no business sleeping in a transaction.
fn poll_oneoff(memory: &mut Memory<'_>, input: u32, output: u32, count: u32, stored: u32) -> Result<(), Stopped> {
    if count == 0 || count > MAX_SUBSCRIPTIONS {
        return Err(Errno::Invalid.into());
    }
    for index in 0..count {
        let whole = memory.bytes(element(input, index, 48)?, 48)?;
        let subscription: [u8; 9] = *whole.first_chunk().ok_or(Errno::Fault)?;
        let [user_data @ .., kind] = subscription;
        let mut event = [0_u8; 32];
        let (name, rest) = event.split_at_mut(8);
        name.copy_from_slice(&user_data);
        if let Some(event_kind) = rest.get_mut(2) {
            *event_kind = kind;
        }
        memory.put(element(output, index, 32)?, &event)?;
    }
    Ok(memory.put_u32(stored, count)?)
}
