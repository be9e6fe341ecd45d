//! Looking at a library's file before any of its code runs: format, machine, and the record.

use std::fs;
use std::path::Path;

use object::read::elf::{FileHeader, ProgramHeader};
use object::{
    Architecture, BinaryFormat, Endianness, Object, ObjectKind, ObjectSection, ObjectSymbol, elf,
};
use tribunal_api::abi::{self, Record};

use crate::LoadError;

/// What a plugin's file says of itself, read without running any of it.
#[derive(Clone, Debug)]
pub struct FileReport {
    /// What it was built with.
    pub sdk: String,
    /// The version of the boundary that it was built for.
    pub version: (u16, u16),
    /// The least minor version of a host that it can do with.
    pub min_host_minor: u16,
    /// True when a panic of it ends the program.
    pub panic_abort: bool,
    /// BLAKE3 of the file, in hexadecimal.
    pub digest: String,
}

/// Checks that a file is a plugin for this machine and this program. Runs nothing of it.
///
/// # Errors
///
/// What it is instead.
pub fn inspect(path: &Path) -> Result<FileReport, LoadError> {
    let unreadable = |cause| LoadError::Unreadable { path: path.to_owned(), cause };
    if fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Err(not_a_library(path, "a folder"));
    }
    let bytes = fs::read(path).map_err(unreadable)?;
    let file = parse(path, &bytes)?;
    let record = match find_record(&file) {
        Some(record) => record,
        None if is_program(&bytes) => return Err(not_a_library(path, "a program")),
        None => return Err(LoadError::NoRecord { path: path.to_owned() }),
    };
    check(path, &record)?;
    if !exports(&file, abi::ENTRY_SYMBOL) {
        return Err(LoadError::NoEntry { path: path.to_owned() });
    }
    Ok(FileReport {
        sdk: record.sdk(),
        version: (record.abi_major, record.abi_minor),
        min_host_minor: record.min_host_minor,
        panic_abort: record.flags & abi::FLAG_PANIC_ABORT != 0,
        digest: blake3::hash(&bytes).to_hex().to_string(),
    })
}

/// Magic first, then versions: nothing else of a record of another major may be read.
fn check(path: &Path, record: &Record) -> Result<(), LoadError> {
    if record.magic != abi::MAGIC {
        return Err(LoadError::Magic { path: path.to_owned(), found: record.magic });
    }
    let origin = path.display().to_string();
    if record.abi_major != abi::ABI_MAJOR {
        return Err(LoadError::Major {
            origin,
            sdk: record.sdk(),
            theirs: record.abi_major,
            ours: abi::ABI_MAJOR,
        });
    }
    if record.min_host_minor > abi::ABI_MINOR {
        return Err(LoadError::Minor {
            origin,
            sdk: record.sdk(),
            major: abi::ABI_MAJOR,
            needs: record.min_host_minor,
            have: abi::ABI_MINOR,
        });
    }
    Ok(())
}

fn not_a_library(path: &Path, what: &str) -> LoadError {
    LoadError::NotALibrary { path: path.to_owned(), what: format!("it is {what}") }
}

/// The file as a shared library of this machine.
fn parse<'a>(path: &Path, bytes: &'a [u8]) -> Result<object::File<'a>, LoadError> {
    if bytes.is_empty() {
        return Err(not_a_library(path, "an empty file"));
    }
    if object::FileKind::parse(bytes).is_err() {
        let text = std::str::from_utf8(&bytes[..bytes.len().min(512)]).is_ok();
        return Err(not_a_library(path, if text { "a text file" } else { "in no known format" }));
    }
    let broken = |cause: String| LoadError::NotALibrary {
        path: path.to_owned(),
        what: format!("it is damaged or cut off ({cause})"),
    };
    let file = object::File::parse(bytes).map_err(|cause| broken(cause.to_string()))?;
    let (theirs, ours) = (machine_of(&file), this_machine());
    if theirs != ours {
        return Err(LoadError::Machine { path: path.to_owned(), theirs, ours });
    }
    if file.kind() != ObjectKind::Dynamic && file.kind() != ObjectKind::Executable {
        return Err(not_a_library(path, "an object file that is not linked"));
    }
    if file.kind() == ObjectKind::Executable {
        return Err(not_a_library(path, "a program"));
    }
    whole(bytes).map_err(|what| broken(what.to_owned()))?;
    Ok(file)
}

/// The segments of an ELF file lie inside it. The system's loader maps what is not there, and the first access ends the
/// program.
fn whole(bytes: &[u8]) -> Result<(), &'static str> {
    let Ok(header) = elf::FileHeader64::<Endianness>::parse(bytes) else { return Ok(()) };
    let Ok(endian) = header.endian() else { return Ok(()) };
    let length = bytes.len() as u64;
    let segments =
        header.program_headers(endian, bytes).map_err(|_| "its segments are not in it")?;
    for segment in segments {
        let (start, size) = segment.file_range(endian);
        if start.checked_add(size).is_none_or(|end| end > length) {
            return Err("a segment lies beyond its end");
        }
    }
    let table = u64::from(header.e_shentsize.get(endian)) * u64::from(header.e_shnum.get(endian));
    if header.e_shoff.get(endian).checked_add(table).is_none_or(|end| end > length) {
        return Err("its section table lies beyond its end");
    }
    Ok(())
}

/// Position-independent programs are shared objects that name an interpreter.
fn is_program(bytes: &[u8]) -> bool {
    let Ok(header) = elf::FileHeader64::<Endianness>::parse(bytes) else { return false };
    let Ok(endian) = header.endian() else { return false };
    let Ok(segments) = header.program_headers(endian, bytes) else { return false };
    segments.iter().any(|segment| segment.p_type(endian) == elf::PT_INTERP)
}

fn machine_of(file: &object::File<'_>) -> String {
    machine(file.format(), file.architecture(), file.is_64(), file.is_little_endian())
}

fn this_machine() -> String {
    let format = match std::env::consts::OS {
        "macos" | "ios" => BinaryFormat::MachO,
        "windows" => BinaryFormat::Pe,
        _ => BinaryFormat::Elf,
    };
    let architecture = match std::env::consts::ARCH {
        "x86_64" => Architecture::X86_64,
        "aarch64" => Architecture::Aarch64,
        "riscv64" => Architecture::Riscv64,
        "powerpc64" => Architecture::PowerPc64,
        "s390x" => Architecture::S390x,
        "loongarch64" => Architecture::LoongArch64,
        _ => Architecture::Unknown,
    };
    machine(format, architecture, cfg!(target_pointer_width = "64"), cfg!(target_endian = "little"))
}

fn machine(format: BinaryFormat, architecture: Architecture, wide: bool, little: bool) -> String {
    let name = match architecture {
        Architecture::X86_64 => "x86-64".to_owned(),
        Architecture::Aarch64 => "arm64".to_owned(),
        other => format!("{other:?}").to_lowercase(),
    };
    let bits = if wide { 64 } else { 32 };
    let order = if little { "" } else { ", big-endian" };
    format!("{name} ({format:?}, {bits} bit{order})")
}

fn dynamic_symbol<'a>(file: &'a object::File<'_>, name: &str) -> Option<object::Symbol<'a, 'a>> {
    let named = |symbol: &object::Symbol<'_, '_>| {
        let found = symbol.name().unwrap_or_default();
        // Mach-O puts an underscore before names of C.
        symbol.is_definition() && found.strip_prefix('_').unwrap_or(found) == name
            || symbol.is_definition() && found == name
    };
    file.dynamic_symbols().find(named).or_else(|| {
        let macho = file.format() == BinaryFormat::MachO;
        macho.then(|| file.symbols().find(named)).flatten()
    })
}

fn exports(file: &object::File<'_>, name: &str) -> bool {
    dynamic_symbol(file, name).is_some()
}

/// The record's bytes as they stand in the file: read-only data without relocations.
fn find_record(file: &object::File<'_>) -> Option<Record> {
    let symbol = dynamic_symbol(file, abi::RECORD_SYMBOL)?;
    let address = symbol.address();
    let section = file.sections().find(|section| {
        let start = section.address();
        start <= address && address.saturating_add(64) <= start.saturating_add(section.size())
    })?;
    let data = section.data().ok()?;
    let at = usize::try_from(address - section.address()).ok()?;
    Record::from_bytes(data.get(at..)?)
}
