//! Inputs and outputs of functions, held against JSON Schema.
