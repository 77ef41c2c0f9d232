//! One sandbox and the calls into it.

use crate::failure::{Failure, LimitKind};
use crate::host::Host;
use crate::module::{Initialisation, Module};
use crate::outcome::{self, End, TRAPPED};
use crate::state::{State, Usage};
use crate::trusted::{self, Callable};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use wasmtime::{Store, UpdateDeadline, ValRaw};

/// Arguments of a scalar call that need no allocation.
const INLINE_ARGS: usize = 16;

/// One sandbox: memory, tables, globals, variables, and the host it talks to.
pub struct Instance<H: Host> {
    store: Store<State<H>>,
    instance: wasmtime::Instance,
    module: Rc<Module<H>>,
    /// Distinguishes it from all others of this process.
    id: u64,
    usable: bool,
    /// What the guest was told last about its input.
    told_event: bool,
}

impl<H: Host> Instance<H> {
    pub(crate) fn new(module: Rc<Module<H>>, state: State<H>) -> Result<Self, Failure<H::Error>> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut store = Store::new(module.code().engine(), state);
        store.limiter(|state| &mut state.meter);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut store| {
            store.data_mut().check_interrupt()?;
            Ok(UpdateDeadline::Continue(1))
        });
        let (instance, home) = match module.start(&mut store) {
            Ok(instances) => instances,
            Err(error) => {
                store.data_mut().flush_streams();
                return Err(match outcome::end(store.data_mut(), &error, module.instance_slots()) {
                    // What does not fit the shared module is the program's fault.
                    End::Failed(Failure::Internal(message)) if module.is_program() => {
                        Failure::Trap { message, frames: Vec::new() }
                    }
                    End::Failed(failure) => failure,
                    End::Exit(code) => outcome::exited(code),
                });
            }
        };
        store.data_mut().memory = home.get_memory(&mut store, "memory");
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut instance = Self { store, instance, module, id, usable: true, told_event: false };
        instance.initialise()?;
        Ok(instance)
    }

    /// The host of this instance.
    pub fn host(&self) -> &H {
        &self.store.data().host
    }

    /// The host of this instance.
    pub fn host_mut(&mut self) -> &mut H {
        &mut self.store.data_mut().host
    }

    /// Ends the instance and gives its host back.
    #[must_use]
    pub fn into_host(self) -> H {
        self.store.into_data().host
    }

    /// The module it was made from.
    pub fn module(&self) -> &Rc<Module<H>> {
        &self.module
    }

    /// Finds an exported function; what it gives belongs to this instance.
    pub fn function(&mut self, export: &str) -> Option<Callable> {
        Callable::find(&mut self.store, self.instance, self.id, export)
    }

    /// Calls a function by the Extism convention; `None` when the guest set no output.
    ///
    /// # Errors
    /// Any [`Failure`]. After [`Failure::Guest`] the instance can usually be called again, after all others never:
    /// ask [`is_usable`](Self::is_usable).
    pub fn call(&mut self, function: Callable, input: &[u8]) -> Result<Option<&[u8]>, Failure<H::Error>> {
        self.call_with(function, input, false)
    }

    /// The same with an input that is an event, which the guest is told if it wants to know (`alyx_event`).
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub fn call_event(&mut self, function: Callable, event: &[u8]) -> Result<Option<&[u8]>, Failure<H::Error>> {
        self.call_with(function, event, true)
    }

    fn call_with(
        &mut self,
        function: Callable,
        input: &[u8],
        is_event: bool,
    ) -> Result<Option<&[u8]>, Failure<H::Error>> {
        if !function.is_handler() {
            return Err(Failure::Internal("function takes parameters and cannot be an entry point".to_owned()));
        }
        self.enter(function)?;
        if is_event != self.told_event {
            self.tell(is_event);
        }
        let state = self.store.data_mut();
        state.begin();
        if self.module.uses_extism() {
            match state.kernel.put(input, state.meter.room()) {
                Ok(block) => state.kernel.set_input(block, u64::try_from(input.len()).unwrap_or(u64::MAX)),
                Err(_) => return Err(Failure::Limit { what: LimitKind::Memory, limit: state.limits.memory_bytes }),
            }
            state.meter.set_kernel(state.kernel.held_bytes());
        }
        let mut slots = [ValRaw::u64(0)];
        let result = trusted::call(&mut self.store, &function, 0, &mut slots);
        let (_, code) = function.result(&slots);
        self.leave(function, result, code)?;
        Ok(self.store.data().kernel.output_bytes())
    }

    /// Calls a function of numbers with raw bits (32-bit values zero-extended) and returns raw bits, 0 without result.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub fn call_scalar(&mut self, function: Callable, args: &[u64]) -> Result<u64, Failure<H::Error>> {
        if !function.is_scalar() || args.len() != function.arity() {
            return Err(Failure::Internal("arguments do not fit the function".to_owned()));
        }
        self.enter(function)?;
        let mut inline = [ValRaw::u64(0); INLINE_ARGS];
        let mut long;
        let slots = match inline.get_mut(..args.len().max(1)) {
            Some(slots) => slots,
            None => {
                long = vec![ValRaw::u64(0); args.len()];
                &mut long
            }
        };
        for (slot, arg) in slots.iter_mut().zip(args) {
            *slot = ValRaw::u64(*arg);
        }
        let talks = self.module.has_imports();
        if talks {
            self.store.data_mut().begin();
        }
        let result = trusted::call(&mut self.store, &function, args.len(), slots);
        let (bits, _) = function.result(slots);
        if talks || function.is_command() || !matches!(result, Ok(true)) {
            self.leave(function, result, 0)?;
        }
        Ok(bits)
    }

    /// What the last call used.
    pub fn usage(&self) -> Usage {
        let state = self.store.data();
        Usage { memory_peak_bytes: state.meter.peak_bytes(), ..state.usage }
    }

    /// Most of what the process allocated for the last call: blocks and variables, in bytes.
    #[inline]
    pub fn host_peak_bytes(&self) -> u64 {
        self.store.data().meter.host_peak_bytes()
    }

    /// False after a trap, a limit, an interrupt, an exit or a failed host function: drop it then.
    pub fn is_usable(&self) -> bool {
        self.usable
    }

    /// From here on its clocks show zero and its random numbers are none.
    pub(crate) fn stop_the_clock(&mut self) {
        self.store.data_mut().is_frozen = true;
    }

    /// Its memory; empty where it exports none.
    pub fn memory(&mut self) -> &mut [u8] {
        match self.store.data().memory {
            Some(memory) => memory.data_mut(&mut self.store),
            None => &mut [],
        }
    }

    /// Writes what the input is to where the guest has asked for it; an address outside of its memory is its own loss.
    fn tell(&mut self, is_event: bool) {
        self.told_event = is_event;
        let Some(address) = self.module.event_flag().and_then(|address| usize::try_from(address).ok()) else { return };
        let memory = self.store.data().memory;
        let _ = memory.map(|memory| memory.write(&mut self.store, address, &u32::from(is_event).to_le_bytes()));
    }

    fn enter(&mut self, function: Callable) -> Result<(), Failure<H::Error>> {
        if function.owner() != self.id {
            return Err(Failure::Internal("function belongs to another instance".to_owned()));
        }
        if !self.usable {
            return Err(Failure::Internal("instance was called again after it had failed".to_owned()));
        }
        Ok(())
    }

    /// Judges a call as Extism does: an error that the guest has set outranks its trap, its exit and its code; what
    /// we stopped ourselves outranks that.
    fn leave(
        &mut self,
        function: Callable,
        result: wasmtime::Result<bool>,
        code: i32,
    ) -> Result<(), Failure<H::Error>> {
        let state = self.store.data_mut();
        state.flush_streams();
        // A program has ended with its main function, and by exiting.
        self.usable = result.is_ok() && !function.is_command();
        let failed = match result {
            Ok(true) if code == 0 => None,
            Ok(true) => Some(outcome::exited(code)),
            Ok(false) => Some(Failure::Internal("arguments do not fit the function".to_owned())),
            Err(error) => match outcome::end(state, &error, self.module.instance_slots()) {
                End::Exit(0) => None,
                End::Exit(code) => Some(outcome::exited(code)),
                // No guest frame was there to be traced: the export is an import, passed on as it is.
                End::Failed(Failure::Internal(message)) => Some(Failure::Trap { message, frames: Vec::new() }),
                End::Failed(failure) => Some(failure),
            },
        };
        let own = match failed {
            None => Some(0),
            Some(Failure::Guest { exit_code, .. }) => Some(exit_code),
            Some(Failure::Trap { .. } | Failure::StackOverflow { .. }) => Some(TRAPPED),
            Some(_) => None,
        };
        match own.and_then(|exit_code| state.kernel.error_text().map(|message| Failure::Guest { message, exit_code })) {
            Some(set_by_guest) => Err(set_by_guest),
            None => failed.map_or(Ok(()), Err),
        }
    }

    fn initialise(&mut self) -> Result<(), Failure<H::Error>> {
        match self.module.initialisation() {
            Initialisation::None => Ok(()),
            Initialisation::Constructors => self.run_plumbing("__wasm_call_ctors", &[]),
            Initialisation::Reactor => self.run_plumbing("_initialize", &[]),
            Initialisation::Haskell => {
                let reactor = self.module.signature("_initialize");
                if reactor.is_some_and(|export| export.params.is_empty() && export.results.is_empty()) {
                    self.run_plumbing("_initialize", &[])?;
                }
                self.run_plumbing("hs_init", &[0, 0])
            }
        }
    }

    /// Runs an initialisation function. What it reports by `error_set` does not count, as in Extism.
    fn run_plumbing(&mut self, export: &str, args: &[u64]) -> Result<(), Failure<H::Error>> {
        let Some(function) = self.function(export) else { return Ok(()) };
        let mut slots = [ValRaw::u64(0); 2];
        for (slot, arg) in slots.iter_mut().zip(args) {
            *slot = ValRaw::u64(*arg);
        }
        let result = trusted::call(&mut self.store, &function, args.len(), &mut slots);
        self.store.data_mut().kernel.set_error(0);
        self.leave(function, result, 0)
    }
}
