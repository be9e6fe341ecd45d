//! The C layout of the plugin boundary: `plugins/sdk-c/tribunal.h`, mirrored for Rust.
//!
//! Only C layout and the C calling convention cross: no Rust enum, `String`, trait object, allocator or unwind does, so host
//! and plugin may come from different compilers. Everything that the other side supplies is declared so that no value of it
//! is invalid to read: functions as `Option`, statuses as plain integers, texts as pointer and length.
//!
//! Authors of adapters in Rust never see this module: [`export_plugin!`](crate::export_plugin) hides it.

#![allow(unsafe_code)]
#![allow(
    clippy::missing_safety_doc,
    reason = "the rules of the header are the contract of every function type"
)]

use std::borrow::Cow;
use std::ffi::c_void;
use std::marker::PhantomData;

/// Unequal majors do not talk to each other.
pub const ABI_MAJOR: u16 = 1;
/// A minor only appends.
pub const ABI_MINOR: u16 = 0;
/// The first bytes of a plugin's record.
pub const MAGIC: [u8; 8] = *b"TRBPLUG\0";
/// Name of the record's symbol.
pub const RECORD_SYMBOL: &str = "trb_plugin_abi";
/// Name of the entry's symbol; it holds the major.
pub const ENTRY_SYMBOL: &str = "trb_plugin_entry_v1";
/// Flag of the record: a panic of this plugin ends the program.
pub const FLAG_PANIC_ABORT: u32 = 1;
/// In place of a question's number: all questions of the batch.
pub const ALL: usize = usize::MAX;

/// Done.
pub const OK: i32 = 0;
/// Under way; `complete` follows.
pub const PENDING: i32 = 1;
/// The adapter failed.
pub const E_FAILED: i32 = -1;
/// The adapter panicked and caught it.
pub const E_PANIC: i32 = -2;
/// It stopped because it was asked to.
pub const E_CANCELLED: i32 = -3;
/// The settings are wrong.
pub const E_CONFIG: i32 = -4;
/// The other side broke a rule.
pub const E_PROTOCOL: i32 = -5;
/// Ask again later.
pub const E_BUSY: i32 = -6;
/// A backend did not answer.
pub const E_UNREACHABLE: i32 = -7;
/// This question cannot be answered.
pub const E_REJECTED: i32 = -8;
/// Credentials are wrong or missing.
pub const E_DENIED: i32 = -9;

/// Borrowed UTF-8 text.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Str<'a> {
    ptr: *const u8,
    len: usize,
    text: PhantomData<&'a str>,
}

// SAFETY: it is a shared borrow of bytes, as `&str` is.
unsafe impl Send for Str<'_> {}
// SAFETY: as above.
unsafe impl Sync for Str<'_> {}

impl<'a> Str<'a> {
    /// The empty text.
    pub const EMPTY: Self = Self { ptr: std::ptr::null(), len: 0, text: PhantomData };

    /// Lends a text.
    pub const fn of(text: &'a str) -> Self {
        Self { ptr: text.as_ptr(), len: text.len(), text: PhantomData }
    }

    /// The bytes. Empty for a null pointer, whatever the length.
    ///
    /// # Safety
    ///
    /// Pointer and length come from the other side, which must keep them valid for `'a`.
    pub unsafe fn bytes(self) -> &'a [u8] {
        if self.ptr.is_null() || self.len == 0 {
            return &[];
        }
        // SAFETY: promised by the caller.
        unsafe { std::slice::from_raw_parts(self.ptr, self.len) }
    }

    /// The text, with broken UTF-8 replaced.
    ///
    /// # Safety
    ///
    /// As [`Str::bytes`].
    pub unsafe fn text(self) -> Cow<'a, str> {
        // SAFETY: promised by the caller.
        let bytes = unsafe { self.bytes() };
        // Replacing goes byte by byte; nearly all texts are sound, and checking that is ten times as fast.
        std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
    }

    /// The same, owned.
    ///
    /// # Safety
    ///
    /// As [`Str::bytes`].
    pub unsafe fn lossy(self) -> String {
        // SAFETY: promised by the caller.
        unsafe { self.text() }.into_owned()
    }
}

/// One message of a dialogue.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Turn<'a> {
    /// `system`, `user`, `assistant`.
    pub role: Str<'a>,
    /// The text.
    pub content: Str<'a>,
}

/// A prompt and candidate replies to it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The dialogue; questions with equal pointers share it.
    pub turns: *const Turn<'a>,
    /// Its length.
    pub n_turns: usize,
    /// The replies; null for items without text.
    pub candidates: *const Str<'a>,
    /// Scores wanted, for each sample.
    pub n_candidates: usize,
    /// One seed for each sample.
    pub seeds: *const u64,
    /// At least 1.
    pub n_samples: usize,
    /// The item's topic.
    pub subset: Str<'a>,
    /// The item's key as JSON.
    pub key_json: Str<'a>,
}

// SAFETY: pointers to shared borrows that the host keeps alive while the job is open.
unsafe impl Send for Question<'_> {}
// SAFETY: as above.
unsafe impl Sync for Question<'_> {}
// SAFETY: as above.
unsafe impl Send for Turn<'_> {}
// SAFETY: as above.
unsafe impl Sync for Turn<'_> {}

/// The questions of one call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    /// Bytes of this struct.
    pub size: u32,
    /// Bytes from one question to the next.
    pub question_stride: u32,
    /// The first question.
    pub questions: *const c_void,
    /// How many there are.
    pub n_questions: usize,
}

/// Takes text and copies it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Sink {
    /// Given to `write`.
    pub ctx: *mut c_void,
    /// May be called several times.
    pub write: Option<unsafe extern "C" fn(*mut c_void, Str<'_>)>,
}

/// One call under way, opaque to plugins.
#[repr(C)]
#[derive(Debug)]
pub struct Job {
    opaque: [u8; 0],
}

/// What a sample cost.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Bytes of this struct.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// -1 when not known.
    pub input_tokens: i64,
    /// -1 when not known.
    pub output_tokens: i64,
    /// NaN when not known.
    pub usd: f64,
}

/// Fails or delays a question.
pub type ErrorFn = unsafe extern "C" fn(*mut Job, usize, i32, Str<'_>);
/// Keeps a text about a sample.
pub type SampleTextFn = unsafe extern "C" fn(*mut Job, usize, usize, Str<'_>);

/// What the host offers to plugins.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "each function is described in the header")]
pub struct Host {
    pub size: u32,
    pub abi_major: u16,
    pub abi_minor: u16,
    pub ctx: *mut c_void,
    pub log: Option<unsafe extern "C" fn(*mut c_void, i32, Str<'_>)>,
    pub cancelled: Option<unsafe extern "C" fn(*const Job) -> i32>,
    pub error: Option<ErrorFn>,
    pub busy: Option<unsafe extern "C" fn(*mut Job, usize, i64, Str<'_>)>,
    pub abstain: Option<unsafe extern "C" fn(*mut Job, usize, usize, i32, Str<'_>)>,
    pub part: Option<unsafe extern "C" fn(*mut Job, usize, usize, usize, Str<'_>, f64)>,
    pub transcript: Option<SampleTextFn>,
    pub usage: Option<unsafe extern "C" fn(*mut Job, usize, usize, *const Usage)>,
    pub served: Option<SampleTextFn>,
    pub complete: Option<unsafe extern "C" fn(*mut Job, i32)>,
    pub json_number: Option<unsafe extern "C" fn(Str<'_>, Str<'_>, *mut f64) -> i32>,
    pub json_text: Option<unsafe extern "C" fn(Str<'_>, Str<'_>, *const Sink) -> i32>,
}

// SAFETY: functions that may be called from any thread, and a context that belongs to them.
unsafe impl Send for Host {}
// SAFETY: as above.
unsafe impl Sync for Host {}

/// The 64 bytes that every plugin holds in read-only data.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// [`MAGIC`].
    pub magic: [u8; 8],
    /// 64.
    pub record_size: u32,
    /// The major that the plugin speaks.
    pub abi_major: u16,
    /// The minor that it was built with.
    pub abi_minor: u16,
    /// The least minor of a host that it can do with.
    pub min_host_minor: u16,
    /// 0.
    pub reserved: u16,
    /// [`FLAG_PANIC_ABORT`].
    pub flags: u32,
    /// Who built it; ends in NUL.
    pub sdk: [u8; 40],
}

impl Record {
    /// The record of a plugin built with this crate.
    pub const fn of_guest(panic_abort: bool) -> Self {
        let name = concat!("tribunal-api ", env!("CARGO_PKG_VERSION")).as_bytes();
        let mut sdk = [0; 40];
        let mut at = 0;
        while at < name.len() && at < 39 {
            sdk[at] = name[at];
            at += 1;
        }
        Self {
            magic: MAGIC,
            record_size: 64,
            abi_major: ABI_MAJOR,
            abi_minor: ABI_MINOR,
            min_host_minor: 0,
            reserved: 0,
            flags: if panic_abort { FLAG_PANIC_ABORT } else { 0 },
            sdk,
        }
    }

    /// The record in the first 64 of these bytes; `None` when they are fewer. Nothing is checked.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let two = |at: usize| Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
        let four = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        Some(Self {
            magic: bytes.get(..8)?.try_into().ok()?,
            record_size: four(8)?,
            abi_major: two(12)?,
            abi_minor: two(14)?,
            min_host_minor: two(16)?,
            reserved: two(18)?,
            flags: four(20)?,
            sdk: bytes.get(24..64)?.try_into().ok()?,
        })
    }

    /// Who built the plugin.
    pub fn sdk(&self) -> String {
        let end = self.sdk.iter().position(|byte| *byte == 0).unwrap_or(self.sdk.len());
        String::from_utf8_lossy(&self.sdk[..end]).into_owned()
    }
}

/// Makes an instance from a table of type `T`.
pub type CreateFn<T> =
    unsafe extern "C" fn(*const T, *const Host, Str<'_>, *mut *mut c_void, *const Sink) -> i32;
/// Ends an instance.
pub type DestroyFn = unsafe extern "C" fn(*mut c_void);
/// A request in JSON: self, method, request, reply, error, job.
pub type CallFn =
    unsafe extern "C" fn(*mut c_void, Str<'_>, Str<'_>, *const Sink, *const Sink, *mut Job) -> i32;
/// Scores a batch: self, batch, out, length of out, job.
pub type ScoreFn =
    unsafe extern "C" fn(*mut c_void, *const Batch, *mut f64, usize, *mut Job) -> i32;
/// Hints that a job is wanted no longer.
pub type CancelFn = unsafe extern "C" fn(*mut c_void, *mut Job);

/// A kind of source.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "each field is described in the header")]
pub struct Source {
    pub size: u32,
    pub max_in_flight: u32,
    pub max_batch: u32,
    pub least: u16,
    pub most: u16,
    pub reads: u16,
    pub scale: u16,
    pub draws: u16,
    pub no_self_check: u16,
    pub name: Str<'static>,
    pub summary: Str<'static>,
    pub version: Str<'static>,
    pub example: Str<'static>,
    pub schema: Str<'static>,
    pub lane: Str<'static>,
    pub data: *const c_void,
    pub create: Option<CreateFn<Source>>,
    pub destroy: Option<DestroyFn>,
    pub identify: Option<unsafe extern "C" fn(*mut c_void, *const Sink, *const Sink) -> i32>,
    pub score: Option<ScoreFn>,
    pub cancel: Option<CancelFn>,
    pub declare: Option<unsafe extern "C" fn(*mut c_void, *const Sink) -> i32>,
    pub call: Option<CallFn>,
}

/// A kind of generator.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "each field is described in the header")]
pub struct Generator {
    pub size: u32,
    pub max_in_flight: u32,
    pub max_batch: u32,
    pub reserved: u32,
    pub name: Str<'static>,
    pub summary: Str<'static>,
    pub version: Str<'static>,
    pub example: Str<'static>,
    pub schema: Str<'static>,
    pub lane: Str<'static>,
    pub data: *const c_void,
    pub create: Option<CreateFn<Generator>>,
    pub destroy: Option<DestroyFn>,
    pub call: Option<CallFn>,
    pub cancel: Option<CancelFn>,
}

/// A kind of suite.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "each field is described in the header")]
pub struct Suite {
    pub size: u32,
    pub reserved: u32,
    pub name: Str<'static>,
    pub summary: Str<'static>,
    pub version: Str<'static>,
    pub example: Str<'static>,
    pub schema: Str<'static>,
    pub data: *const c_void,
    pub create: Option<CreateFn<Suite>>,
    pub destroy: Option<DestroyFn>,
    pub call: Option<CallFn>,
}

/// What a plugin offers.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "each field is described in the header")]
pub struct Plugin {
    pub size: u32,
    pub reserved: u32,
    pub name: Str<'static>,
    pub version: Str<'static>,
    pub sources: *const *const Source,
    pub n_sources: usize,
    pub generators: *const *const Generator,
    pub n_generators: usize,
    pub suites: *const *const Suite,
    pub n_suites: usize,
}

// SAFETY: tables are read-only and live as long as the program.
unsafe impl Send for Source {}
// SAFETY: as above.
unsafe impl Sync for Source {}
// SAFETY: as above.
unsafe impl Send for Generator {}
// SAFETY: as above.
unsafe impl Sync for Generator {}
// SAFETY: as above.
unsafe impl Send for Suite {}
// SAFETY: as above.
unsafe impl Sync for Suite {}
// SAFETY: as above.
unsafe impl Send for Plugin {}
// SAFETY: as above.
unsafe impl Sync for Plugin {}

/// The entry of a plugin.
pub type EntryFn = unsafe extern "C" fn(*const Host, *mut *const Plugin) -> i32;

/// The sizes that the header asserts on its side.
const _: () = {
    assert!(size_of::<Str<'_>>() == 16 && size_of::<Turn<'_>>() == 32);
    assert!(size_of::<Question<'_>>() == 80 && size_of::<Batch>() == 24);
    assert!(size_of::<Usage>() == 32 && size_of::<Record>() == 64 && size_of::<Host>() == 112);
    assert!(size_of::<Source>() == 184 && size_of::<Generator>() == 152);
    assert!(size_of::<Suite>() == 120 && size_of::<Plugin>() == 88);
};
