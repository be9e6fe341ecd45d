//! Turning a panic of a format library, on bytes made to break it, into an error.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

static HOOK: Once = Once::new();

/// Runs `work`; a panic in it becomes its text. Values that `work` changes must not be used after a panic.
///
/// The report of such a panic is kept from standard error: on first use the panic hook is replaced by one that is
/// silent inside `work` and calls the hook found there otherwise.
pub(super) fn contain<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    HOOK.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |report| {
            if !CONTAINED.get() {
                previous(report);
            }
        }));
    });
    let outer = CONTAINED.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    CONTAINED.set(outer);
    result.map_err(|payload| {
        let text = payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref::<&str>().copied());
        text.unwrap_or("no reason given").to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_text() {
        assert_eq!(contain(|| 1), Ok(1));
        let broken: Result<(), String> = contain(|| panic!("offset {} is odd", 3));
        assert_eq!(broken, Err("offset 3 is odd".to_owned()));
    }
}
