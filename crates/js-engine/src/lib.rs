//! QuickJS-ng as one WebAssembly module that all JavaScript functions share, and the linker of programs for it.
