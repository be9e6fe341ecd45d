//! The library as a whole: initialised once, its log sent to the host.

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_void};
use std::sync::OnceLock;

use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_sys_2 as sys;

thread_local! {
    /// What llama.cpp complained about on this thread since it was last asked.
    static COMPLAINTS: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The most that is kept of complaints, in bytes.
const MOST_COMPLAINTS: usize = 4096;

/// The level of the host's log.
const DEBUG: i32 = 4;

/// The library, initialised. `None` when it cannot be, or another user in this process did it before.
pub(super) fn backend() -> Option<&'static LlamaBackend> {
    static BACKEND: OnceLock<Option<LlamaBackend>> = OnceLock::new();
    let start = || {
        // SAFETY: the callback and what it uses live as long as the program.
        unsafe { sys::llama_log_set(Some(listen), std::ptr::null_mut()) };
        let backend = LlamaBackend::init().ok();
        super::exit::watch();
        backend
    };
    BACKEND.get_or_init(start).as_ref()
}

/// True when this build and machine compute on more than the processor.
pub(crate) fn offloads() -> bool {
    // SAFETY: no arguments.
    backend().is_some() && unsafe { sys::llama_supports_gpu_offload() }
}

/// Takes what was complained about on this thread.
pub(super) fn complaints() -> String {
    COMPLAINTS.take().trim().to_owned()
}

unsafe extern "C" fn listen(level: sys::ggml_log_level, text: *const c_char, _: *mut c_void) {
    if text.is_null() {
        return;
    }
    // SAFETY: a text with an end, valid during the call.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    let line = text.trim_end();
    if line.is_empty() || line.chars().all(|c| c == '.') {
        return;
    }
    if level == sys::GGML_LOG_LEVEL_ERROR {
        COMPLAINTS.with_borrow_mut(|known| {
            if known.len() + line.len() < MOST_COMPLAINTS {
                known.push_str(line);
                known.push('\n');
            }
        });
    }
    // What a person has to know comes with the error that follows from it; here it is a trace.
    tribunal_api::guest::log(DEBUG, line);
}
