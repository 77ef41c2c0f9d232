//! A panic as an error of the caller, with file and line: without this it would be a bare "unreachable".

/// Makes panics reach the caller with their message and place, `function panicked at src/lib.rs:12:5: …`.
///
/// A handler does this by itself. A scalar function that can panic calls it first; it costs next to nothing from the second
/// call on.
///
/// ```
/// #[no_mangle]
/// pub extern "C" fn share(part: i64, total: i64) -> i64 {
///     alyx_functions::report_panics();
///     part * 100 / total
/// }
/// ```
pub fn report_panics() {
    // On other targets tests run, which have a hook of their own.
    #[cfg(target_arch = "wasm32")]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| std::panic::set_hook(Box::new(|info| crate::Error::msg(text(info)).raise())));
    }
}

#[cfg(target_arch = "wasm32")]
fn text(info: &std::panic::PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let message = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (None, Some(text)) => text.as_str(),
        (None, None) => "a value that is no text",
    };
    match info.location() {
        Some(place) => format!("function panicked at {place}: {message}"),
        None => format!("function panicked: {message}"),
    }
}
