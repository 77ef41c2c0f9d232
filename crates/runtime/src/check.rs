//! Checks a module before anything is stored.

use crate::complexity;
use crate::engine::{FEATURES, MAX_TABLE_ELEMENTS, MAX_TABLES};
use crate::error::Error;
use crate::event_flag::EventFlag;
use crate::imports::{self, Namespace};
use crate::settings::Shared;
use crate::sha256::Sha256;
use crate::stateless::CallGraph;
use crate::summary::{self, ExportSignature, Import, Summary, ValueType};
use std::collections::BTreeSet;
use wasmparser::types::{Types, TypesRef};
use wasmparser::{
    BinaryReaderError, CompositeInnerType, ExternalKind, Parser, Payload, TableSectionReader, TypeRef, ValType,
    Validator,
};

/// What a module may import beyond the host functions that always exist.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Further names under `extism:host/user`, all of type `(i64) -> i64`.
    pub host_functions: BTreeSet<String>,
}

/// A module that is valid and whose imports the host can satisfy.
#[derive(Debug, Clone)]
pub struct CheckedModule {
    /// Its name.
    pub sha256: Sha256,
    /// Its bytes.
    pub wasm: Vec<u8>,
    /// Its exported functions, in the module's order.
    pub exports: Vec<ExportSignature>,
    /// The functions it imports, in the module's order.
    pub imports: Vec<Import>,
    /// Linear memory it starts with.
    pub memory_min_bytes: u64,
    /// Its own bound on linear memory.
    pub memory_max_bytes: Option<u64>,
    /// Whether it imports from `extism:host/env`.
    pub uses_extism: bool,
    /// Whether it imports from WASI preview 1.
    pub uses_wasi: bool,
    /// Whether it has a start section, which runs at instantiation.
    pub has_start: bool,
    /// Exports that write no state of the instance, see [`Module::is_stateless`](crate::Module::is_stateless).
    pub stateless: BTreeSet<String>,
    /// The shared module that it imports, see [`Shared`].
    pub shared: Option<String>,
    event_flag: Option<u32>,
}

impl CheckedModule {
    /// The export to call: `wanted`, else `handler`, else the only callable one (or a lone `_start`); `None` when
    /// nothing or too much is left to choose from.
    ///
    /// # Errors
    /// [`Error::UnknownExport`] or [`Error::NotCallable`], when `wanted` is given.
    pub fn entrypoint(&self, wanted: Option<&str>) -> Result<Option<&str>, Error> {
        summary::entrypoint(&self.exports, wanted)
    }

    /// The exported function `name`.
    #[must_use]
    pub fn signature(&self, name: &str) -> Option<&ExportSignature> {
        self.exports.iter().find(|export| export.name == name)
    }

    pub(crate) fn summary(&self) -> Summary {
        Summary {
            exports: self.exports.clone(),
            imports: self.imports.clone(),
            memory_max_bytes: self.memory_max_bytes,
            uses_extism: self.uses_extism,
            stateless: self.stateless.clone(),
            shared: self.shared.clone(),
            event_flag: self.event_flag,
        }
    }

    /// Validates `wasm`; `user` says which names of `extism:host/user` exist besides the fixed ones.
    pub(crate) fn new(
        wasm: Vec<u8>,
        sha256: Sha256,
        shared: Option<&Shared>,
        user: impl Fn(&str) -> bool,
    ) -> Result<Self, Error> {
        if Parser::is_component(&wasm) {
            return Err(invalid("it is a component, and only core modules are supported"));
        }
        let types = Validator::new_with_features(FEATURES).validate_all(&wasm)?;
        let mut module = Self {
            sha256,
            wasm: Vec::new(),
            exports: Vec::new(),
            imports: Vec::new(),
            memory_min_bytes: 0,
            memory_max_bytes: None,
            uses_extism: false,
            uses_wasi: false,
            has_start: false,
            stateless: BTreeSet::new(),
            shared: None,
            event_flag: None,
        };
        module.read(&wasm, &types, shared, user)?;
        module.wasm = wasm;
        Ok(module)
    }

    fn read(
        &mut self,
        wasm: &[u8],
        types: &Types,
        shared: Option<&Shared>,
        user: impl Fn(&str) -> bool,
    ) -> Result<(), Error> {
        let mut graph = CallGraph::default();
        let mut functions = Vec::new();
        let mut flag = EventFlag::default();
        let mut startup = complexity::Startup::default();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        if let (Some(shared), TypeRef::Memory(memory)) = (shared, import.ty)
                            && (import.module, import.name) == (shared.name.as_str(), "memory")
                        {
                            self.shares(shared);
                            self.memory_min_bytes = memory.initial.saturating_mul(PAGE_BYTES);
                            self.imports.push(named(&import));
                            continue;
                        }
                        self.import(&import, types.as_ref(), shared, &user)?;
                        graph.import();
                    }
                }
                Payload::MemorySection(section) => {
                    for memory in section {
                        let memory = memory?;
                        self.memory_min_bytes = memory.initial.saturating_mul(PAGE_BYTES);
                        self.memory_max_bytes = memory.maximum.map(|pages| pages.saturating_mul(PAGE_BYTES));
                    }
                }
                Payload::FunctionSection(section) => complexity::functions(section.count())?,
                Payload::TableSection(section) => tables(section, &mut startup)?,
                Payload::ElementSection(section) => {
                    for element in section {
                        startup.segment(&element?)?;
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        if export.kind == ExternalKind::Func {
                            functions.push((export.name, export.index));
                        }
                        flag.export(&export);
                    }
                }
                Payload::GlobalSection(section) => flag.globals(section)?,
                Payload::StartSection { .. } => self.has_start = true,
                Payload::CodeSectionEntry(body) => {
                    complexity::check(&body)?;
                    graph.body(&body)?;
                }
                _ => {}
            }
        }
        self.event_flag = flag.address();
        let stateless = graph.stateless();
        for (name, index) in functions {
            let ty = types.as_ref().core_function_at(index);
            let (params, results) = function_type(types.as_ref(), ty)?;
            if usize::try_from(index).ok().and_then(|index| stateless.get(index)) == Some(&true) {
                self.stateless.insert(name.to_owned());
            }
            self.exports.push(ExportSignature { name: name.to_owned(), params, results });
        }
        Ok(())
    }

    fn import(
        &mut self,
        import: &wasmparser::Import<'_>,
        types: TypesRef<'_>,
        shared: Option<&Shared>,
        user: impl Fn(&str) -> bool,
    ) -> Result<(), Error> {
        let ty = match import.ty {
            TypeRef::Func(ty) => ty,
            TypeRef::FuncExact(_) => return Err(invalid(EXACT)),
            _ => return Err(imports::unknown(import.module, import.name)),
        };
        let (params, results) = function_type(types, types.core_type_at_in_module(ty))?;
        match shared.filter(|shared| shared.name == import.module) {
            Some(shared) => {
                imports::check_shared(shared, import.name, &params, &results)?;
                self.shares(shared);
            }
            None => imports::check(import.module, import.name, &params, &results, user)?,
        }
        self.uses_extism |= Namespace::of(import.module) == Some(Namespace::Extism);
        self.uses_wasi |= Namespace::of(import.module) == Some(Namespace::Wasi);
        self.imports.push(named(import));
        Ok(())
    }

    /// Its input reaches it through the shared module.
    fn shares(&mut self, shared: &Shared) {
        self.uses_extism = true;
        self.shared = Some(shared.name.clone());
    }
}

fn named(import: &wasmparser::Import<'_>) -> Import {
    Import { module: import.module.to_owned(), name: import.name.to_owned() }
}

const PAGE_BYTES: u64 = 64 << 10;

/// The validator lets imports of these pass without the feature that they belong to; the compiler does not take them.
const EXACT: &str = "exact function types are not supported";

/// Tables are reserved in advance, so their number and size are bounded.
fn tables(section: TableSectionReader<'_>, startup: &mut complexity::Startup) -> Result<(), Error> {
    if section.count() > MAX_TABLES {
        return Err(invalid(&format!("it has {} tables, at most {MAX_TABLES} are allowed", section.count())));
    }
    for table in section {
        let elements = table?.ty.initial;
        if elements > MAX_TABLE_ELEMENTS.into() {
            return Err(invalid(&format!("a table has {elements} elements, at most {MAX_TABLE_ELEMENTS} are allowed")));
        }
        startup.table(elements);
    }
    Ok(())
}

fn function_type(
    types: TypesRef<'_>,
    ty: wasmparser::types::CoreTypeId,
) -> Result<(Vec<ValueType>, Vec<ValueType>), Error> {
    let Some(CompositeInnerType::Func(function)) = types.get(ty).map(|ty| &ty.composite_type.inner) else {
        return Err(invalid("a function has a type that is no function type"));
    };
    let list = |types: &[ValType]| types.iter().map(value_type).collect();
    Ok((list(function.params()), list(function.results())))
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

fn invalid(message: &str) -> Error {
    Error::Invalid { message: message.to_owned(), offset: None }
}

impl From<BinaryReaderError> for Error {
    fn from(error: BinaryReaderError) -> Self {
        Self::Invalid { message: error.message().to_owned(), offset: u64::try_from(error.offset()).ok() }
    }
}
