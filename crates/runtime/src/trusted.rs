//! The only `unsafe` code of this crate: what wasmtime cannot check for us.
//!
//! Three things: mapping machine code that we compiled ourselves, calling wasm without boxing each value, and asking
//! who we are. Nothing else may be put here.
#![allow(unsafe_code, reason = "audited in one place; each use names the rule it keeps")]

use crate::summary::ValueType;
use std::fs::File;
use wasmtime::{Engine, Func, Instance, Module, Store, ValRaw, ValType};

/// Maps a compiled module from a file that [`Cache`](crate::cache::Cache) has verified.
pub(crate) fn map(engine: &Engine, file: File) -> wasmtime::Result<Module> {
    // SAFETY: the bytes were written by `precompile_module` of this very program's user: the cache opened this file
    // without following links, saw that we own it and nobody else may write it, and compared the digest of its
    // contents. Files are replaced by renaming, never written again. wasmtime checks version and settings itself.
    unsafe { Module::deserialize_open_file(engine, file) }
}

/// Loads a compiled module from memory.
pub(crate) fn load(engine: &Engine, artefact: &[u8]) -> wasmtime::Result<Module> {
    // SAFETY: the caller got these bytes from `Engine::precompile_module` of this engine and kept them in memory.
    unsafe { Module::deserialize(engine, artefact) }
}

/// The user whose files we trust.
pub(crate) fn effective_user() -> u32 {
    // SAFETY: geteuid(2) has no precondition and cannot fail.
    unsafe { libc::geteuid() }
}

/// An exported function of one instance, found once; using it with another instance is an error.
#[derive(Debug, Clone, Copy)]
pub struct Callable {
    func: Func,
    /// The instance it belongs to.
    owner: u64,
    params: usize,
    results: usize,
    result: Option<ValueType>,
    scalar: bool,
    command: bool,
}

impl Callable {
    pub(crate) fn find<T: 'static>(store: &mut Store<T>, instance: Instance, owner: u64, export: &str) -> Option<Self> {
        let func = instance.get_func(&mut *store, export)?;
        let ty = func.ty(&*store);
        let result = ty.results().next().map(|ty| value_type(&ty));
        let numbers = ty.params().chain(ty.results()).all(|ty| value_type(&ty).is_number());
        Some(Self {
            func,
            owner,
            params: ty.params().len(),
            results: ty.results().len(),
            result,
            scalar: numbers && ty.results().len() <= 1,
            command: export == "_start",
        })
    }

    /// Whether [`Instance::call`](crate::Instance::call) accepts it: no parameter, at most one result.
    #[must_use]
    #[inline]
    pub fn is_handler(&self) -> bool {
        self.params == 0 && self.results <= 1
    }

    /// Whether [`Instance::call_scalar`](crate::Instance::call_scalar) accepts it: numbers in, at most one out.
    #[must_use]
    #[inline]
    pub fn is_scalar(&self) -> bool {
        self.scalar
    }

    /// How many arguments it takes.
    #[must_use]
    #[inline]
    pub fn arity(&self) -> usize {
        self.params
    }

    #[inline]
    pub(crate) fn owner(&self) -> u64 {
        self.owner
    }

    /// Whether it is a program's main function, which may run once.
    #[inline]
    pub(crate) fn is_command(&self) -> bool {
        self.command
    }

    /// The result as raw bits, and as a return code by Extism's rule: -1 where it is no i32.
    #[inline]
    pub(crate) fn result(&self, slots: &[ValRaw]) -> (u64, i32) {
        let Some(slot) = slots.first() else { return (0, 0) };
        match self.result {
            None => (0, 0),
            Some(ValueType::I32) => (u64::from(slot.get_u32()), slot.get_i32()),
            Some(ValueType::F32) => (u64::from(slot.get_f32()), -1),
            Some(ValueType::I64 | ValueType::F64) => (slot.get_u64(), -1),
            Some(ValueType::V128 | ValueType::Reference) => (0, -1),
        }
    }
}

/// Calls `function` with the arguments in `slots`, where its result will be; returns false when they do not fit it.
pub(crate) fn call<T: 'static>(
    store: &mut Store<T>,
    function: &Callable,
    args: usize,
    slots: &mut [ValRaw],
) -> wasmtime::Result<bool> {
    let takes_numbers = function.scalar || function.params == 0;
    if !takes_numbers || args != function.params || slots.len() < function.params.max(function.results) {
        return Ok(false);
    }
    // SAFETY: `slots` is a valid array with room for all parameters and results, as just compared with the function's
    // own type; every parameter is a number, for which any bits are a value, and `ValRaw` is made from 64 of them. No
    // reference goes in. wasmtime itself checks that the function belongs to the store.
    unsafe { function.func.call_unchecked(store, slots) }.map(|()| true)
}

fn value_type(ty: &ValType) -> ValueType {
    match ty {
        ValType::I32 => ValueType::I32,
        ValType::I64 => ValueType::I64,
        ValType::F32 => ValueType::F32,
        ValType::F64 => ValueType::F64,
        ValType::V128 => ValueType::V128,
        ValType::Ref(_) => ValueType::Reference,
    }
}
