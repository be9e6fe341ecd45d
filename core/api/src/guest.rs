//! The plugin's side of the boundary for authors in Rust: [`export_plugin!`](crate::export_plugin) makes the two symbols of a
//! plugin out of a function `register(&mut Registry)`, the same one that a built-in has.
//!
//! Nothing unwinds out of a shim: a panic becomes an error with its text. Texts of the host are copied into owned questions,
//! since borrowed text cannot cross to other threads. Without the feature `guest-tokio` a source's future is driven on the
//! host's thread that called; with it, on a runtime of the plugin's own, so that `tokio::spawn` and clients built on tokio work.

#![allow(unsafe_code)]
#![allow(
    clippy::missing_safety_doc,
    reason = "called by the host alone, by the rules of the header"
)]

mod component;
mod drive;
mod score;

use std::any::Any;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use serde::Serialize;
use serde_json::Value;

use crate::abi::{self, Host, Plugin, Sink, Str};
use crate::error::SourceError;
use crate::registry::{Component, Registered, Registry};
use crate::wire::ErrorBody;

/// Makes a shared library a plugin: emits its record and its entry.
///
/// ```
/// # mod adapter {
/// use tribunal_api::{Registry, export_plugin};
///
/// fn register(registry: &mut Registry) {
///     // registry.source(CARD, |config: Config, _| Ok(Brevity(config)));
/// #   let _ = registry;
/// }
///
/// export_plugin!(register);
/// # }
/// # fn main() {}
/// ```
///
/// The crate needs `crate-type = ["cdylib"]` and the feature `guest` of `tribunal-api`. It may deny unsafe code, but not forbid it:
/// the two symbols are unsafe attributes.
#[macro_export]
macro_rules! export_plugin {
    ($register:path) => {
        #[allow(unsafe_code, missing_docs, non_upper_case_globals)]
        const _: () = {
            #[unsafe(no_mangle)]
            pub static trb_plugin_abi: $crate::abi::Record =
                $crate::abi::Record::of_guest(cfg!(panic = "abort"));

            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn trb_plugin_entry_v1(
                host: *const $crate::abi::Host,
                out: *mut *const $crate::abi::Plugin,
            ) -> i32 {
                let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
                // SAFETY: the host calls this by the rules of the header.
                unsafe { $crate::guest::entry(host, out, name, version, $register) }
            }
        };
    };
}

pub use score::cancelled;

/// The host of this plugin.
static HOST: OnceLock<&'static Host> = OnceLock::new();

fn host() -> &'static Host {
    HOST.get().expect("the entry comes before all other calls")
}

/// Writes a line to the host's log.
pub fn log(level: i32, text: &str) {
    if let Some(host) = HOST.get()
        && let Some(log) = host.log
    {
        // SAFETY: the host's function and context live as long as the program.
        unsafe { log(host.ctx, level, Str::of(text)) }
    }
}

/// A kind in the plugin's own registry, which tables point at.
struct Entry {
    registry: &'static Registry,
    registered: &'static Registered,
}

/// What [`export_plugin!`](crate::export_plugin) calls.
///
/// # Safety
///
/// `host` and `out` are valid by the rules of the header; `host` lives as long as the program.
pub unsafe fn entry(
    host: *const Host,
    out: *mut *const Plugin,
    name: &'static str,
    version: &'static str,
    register: fn(&mut Registry),
) -> i32 {
    if host.is_null() || out.is_null() {
        return abi::E_PROTOCOL;
    }
    // SAFETY: not null, and valid for the whole program.
    HOST.get_or_init(|| unsafe { &*host });
    match guarded(|| tables(name, version, register)) {
        Ok(plugin) => {
            // SAFETY: not null, and the host's to be written.
            unsafe { *out = plugin };
            abi::OK
        }
        Err(panic) => {
            log(1, &panic);
            abi::E_PANIC
        }
    }
}

/// The tables of all kinds that `register` names. They are never freed, like the library itself.
fn tables(
    name: &'static str,
    version: &'static str,
    register: fn(&mut Registry),
) -> &'static Plugin {
    std::panic::set_hook(Box::new(|info| log(1, &info.to_string())));
    let mut registry = Registry::new();
    register(&mut registry);
    let registry: &'static Registry = Box::leak(Box::new(registry));
    let entries = |component| {
        registry.kinds(component).map(|registered| -> &'static Entry {
            Box::leak(Box::new(Entry { registry, registered }))
        })
    };
    let sources: Vec<*const abi::Source> = entries(Component::Source).map(score::table).collect();
    let generators: Vec<*const abi::Generator> =
        entries(Component::Generator).map(component::generator_table).collect();
    let suites: Vec<*const abi::Suite> =
        entries(Component::Suite).map(component::suite_table).collect();
    let (sources, generators, suites) = (sources.leak(), generators.leak(), suites.leak());
    Box::leak(Box::new(Plugin {
        size: size_of::<Plugin>() as u32,
        reserved: 0,
        name: Str::of(name),
        version: Str::of(version),
        sources: sources.as_ptr(),
        n_sources: sources.len(),
        generators: generators.as_ptr(),
        n_generators: generators.len(),
        suites: suites.as_ptr(),
        n_suites: suites.len(),
    }))
}

/// A text for a table.
fn leaked(text: String) -> Str<'static> {
    Str::of(Box::leak(text.into_boxed_str()))
}

/// Runs what must not unwind; the text of its panic.
fn guarded<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(panic_text)
}

fn panic_text(payload: Box<dyn Any + Send>) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned());
    // The payload's own `Drop` may panic, too.
    std::mem::forget(payload);
    format!("it panicked: {}", text.unwrap_or_else(|| "without a message".to_owned()))
}

/// Writes a text to a sink of the host.
unsafe fn write(sink: *const Sink, text: &str) {
    if sink.is_null() {
        return;
    }
    // SAFETY: not null, and valid during the call.
    let sink = unsafe { &*sink };
    if let Some(write) = sink.write {
        // SAFETY: the host copies the text.
        unsafe { write(sink.ctx, Str::of(text)) }
    }
}

/// Writes a value as JSON.
unsafe fn write_json(sink: *const Sink, value: &impl Serialize) {
    if let Ok(text) = serde_json::to_string(value) {
        // SAFETY: promised by the caller.
        unsafe { write(sink, &text) }
    }
}

/// Why a synchronous call has no reply: its status, and what is said.
struct Failed {
    status: i32,
    body: Box<ErrorBody>,
}

impl Failed {
    fn of(status: i32, body: ErrorBody) -> Self {
        Self { status, body: Box::new(body) }
    }
}

impl From<SourceError> for Failed {
    fn from(error: SourceError) -> Self {
        Failed::of(code(&error), ErrorBody::from(&error))
    }
}

impl From<Box<ErrorBody>> for Failed {
    fn from(body: Box<ErrorBody>) -> Self {
        Self { status: code(&body.clone().into_source_error()), body }
    }
}

/// The error of a method that a component does not have.
fn unknown(method: &str) -> Failed {
    Failed::from(SourceError::Rejected { message: format!("there is no method `{method}`") })
}

impl From<serde_json::Error> for Failed {
    fn from(cause: serde_json::Error) -> Self {
        let body = ErrorBody::of("broken", format!("the request cannot be read: {cause}"));
        Failed::of(abi::E_PROTOCOL, body)
    }
}

/// Runs a call, writes its reply or its error, and gives its status.
unsafe fn answer<R: Serialize>(
    reply: *const Sink,
    err: *const Sink,
    work: impl FnOnce() -> Result<R, Failed>,
) -> i32 {
    // SAFETY: promised by the caller, here and below.
    match guarded(work) {
        Ok(Ok(value)) => {
            unsafe { write_json(reply, &value) };
            abi::OK
        }
        Ok(Err(Failed { status, body })) => {
            unsafe { write_json(err, &body) };
            status
        }
        Err(panic) => {
            unsafe { write_json(err, &ErrorBody::of("broken", panic)) };
            abi::E_PANIC
        }
    }
}

/// Makes an instance with `build` and puts it where the host wants it.
unsafe fn create<T>(
    settings: Str<'_>,
    out: *mut *mut c_void,
    err: *const Sink,
    build: impl FnOnce(Value) -> Result<T, crate::SettingsError>,
) -> i32 {
    // SAFETY: the settings are lent for the call.
    let settings = unsafe { settings.bytes() }.to_vec();
    let made = || {
        let settings = match settings.is_empty() {
            true => Value::Object(serde_json::Map::new()),
            false => serde_json::from_slice(&settings)?,
        };
        build(settings).map_err(|error| Failed::of(abi::E_CONFIG, ErrorBody::from(error)))
    };
    let mut instance = None;
    let keep = || {
        instance = Some(Box::into_raw(Box::new(made()?)));
        Ok(())
    };
    // SAFETY: `err` is valid during the call.
    let status = unsafe { answer(std::ptr::null(), err, keep) };
    if let Some(instance) = instance {
        // SAFETY: the host's to be written.
        unsafe { *out = instance.cast() };
    }
    status
}

/// Ends an instance that [`create`] made. A panic of its destructors goes to the log.
unsafe extern "C" fn destroy<T>(instance: *mut c_void) {
    if instance.is_null() {
        return;
    }
    // SAFETY: made by `create::<T>`, and the host ends it once.
    if let Err(panic) = guarded(|| drop(unsafe { Box::from_raw(instance.cast::<T>()) })) {
        log(1, &panic);
    }
}

/// The status that stands for an error.
fn code(error: &SourceError) -> i32 {
    match error {
        SourceError::Busy { .. } => abi::E_BUSY,
        SourceError::Unreachable { .. } => abi::E_UNREACHABLE,
        SourceError::Rejected { .. } => abi::E_REJECTED,
        SourceError::Broken { .. } => abi::E_FAILED,
        SourceError::Denied { .. } => abi::E_DENIED,
    }
}
