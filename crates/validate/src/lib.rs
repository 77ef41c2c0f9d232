//! Inputs and outputs of functions, held against JSON Schema: not written yet. The package is here so that its
//! dependencies are resolved together with those below wasmtime, which another resolution would build anew.
