//! Bytes that claim to be a module, through the check behind `fn_check` and, if they pass it, through all that a
//! deployed module goes through: compiled, linked, instantiated, called.
//!
//! What must hold: nothing panics; what the check accepts compiles and links; a guest ends by itself, by a failure of
//! its own, or at a limit, and never holds more than its limits allow.

use alyx_runtime::{Error, ExportSignature, Failure, Instance, Policy, Runtime, Sha256};

use crate::double::{Double, limits, runtime};

/// Exports of one module that are called.
const MAX_CALLS: usize = 4;
/// Ticks that a guest may see in one call.
const PATIENCE: u32 = 1;

thread_local! {
    static RUNTIME: Runtime<Double> = runtime();
}

/// Takes the input as a module.
pub fn run(data: &[u8]) {
    let _ = judge(data);
}

/// Checks a module and tries it out if it passes.
///
/// # Errors
/// The check's refusal.
pub fn judge(wasm: &[u8]) -> Result<(), Error> {
    let policy = Policy { host_functions: ["mapped".to_owned()].into() };
    RUNTIME.with(|runtime| {
        let checked = runtime.check(wasm, &policy)?;
        assert_eq!(checked.wasm, wasm, "the check has changed the module");
        let exports = checked.exports.clone();
        assert!(checked.stateless.iter().all(|name| checked.signature(name).is_some()), "{checked:?}");
        // What is found without being asked for is there when it is asked for.
        if let Ok(Some(name)) = checked.entrypoint(None) {
            assert_eq!(checked.entrypoint(Some(name)), Ok(Some(name)));
        }
        let sha256 = Sha256::of(wasm);
        let module = runtime.load(&sha256, || Ok::<_, Error>(wasm.to_vec()));
        let module = module.unwrap_or_else(|error| panic!("accepted, and does not load: {error}"));
        assert_eq!(module.exports(), exports);
        let host = Double { patience: PATIENCE, ..Double::default() };
        let instance = module.instantiate(host, &limits());
        match instance {
            Ok(mut instance) => call(&mut instance, &exports),
            Err(failure) => natural(&failure),
        }
        runtime.forget(&sha256);
        Ok(())
    })
}

fn call(instance: &mut Instance<Double>, exports: &[ExportSignature]) {
    within_limits(instance);
    for export in exports.iter().take(MAX_CALLS) {
        let Some(function) = instance.function(&export.name) else { continue };
        instance.host_mut().patience = PATIENCE;
        let ended = if function.is_handler() {
            instance.call(function, b"input").map(drop)
        } else if function.is_scalar() {
            instance.call_scalar(function, &vec![1; function.arity()]).map(drop)
        } else {
            continue;
        };
        within_limits(instance);
        if let Err(failure) = ended {
            natural(&failure);
        }
        if !instance.is_usable() {
            break;
        }
    }
}

fn within_limits(instance: &Instance<Double>) {
    let (used, limits) = (instance.usage(), limits());
    assert!(used.memory_peak_bytes <= limits.memory_bytes, "{used:?}");
    assert!(used.log_bytes <= limits.log_bytes.into(), "{used:?}");
}

/// Fails unless it is a way in which a guest may end.
fn natural(failure: &Failure<String>) {
    assert!(!matches!(failure, Failure::Internal(_) | Failure::Host(_)), "{failure:?}");
}
