//! The header of a safetensors file: eight bytes of length, then JSON that says where each tensor lies.
//!
//! Source: the format's description in the repository `huggingface/safetensors`.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::fs::File;
use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::CheckpointError;
use super::position::read_exact_at;

/// The longest header that is read, in bytes: the format's own limit.
pub const MOST_HEADER_BYTES: u64 = 100_000_000;

/// The type of a tensor's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs)] // The names are those of the format and say all there is.
pub enum Dtype {
    Bool,
    U8,
    I8,
    #[serde(rename = "F8_E5M2")]
    F8E5m2,
    #[serde(rename = "F8_E4M3")]
    F8E4m3,
    I16,
    U16,
    F16,
    Bf16,
    I32,
    U32,
    F32,
    F64,
    I64,
    U64,
}

impl Dtype {
    /// Size of one number in bytes.
    pub fn bytes(self) -> u64 {
        match self {
            Self::Bool | Self::U8 | Self::I8 | Self::F8E5m2 | Self::F8E4m3 => 1,
            Self::I16 | Self::U16 | Self::F16 | Self::Bf16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::F64 | Self::I64 | Self::U64 => 8,
        }
    }

    /// Its name as headers write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "BOOL",
            Self::U8 => "U8",
            Self::I8 => "I8",
            Self::F8E5m2 => "F8_E5M2",
            Self::F8E4m3 => "F8_E4M3",
            Self::I16 => "I16",
            Self::U16 => "U16",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::I32 => "I32",
            Self::U32 => "U32",
            Self::F32 => "F32",
            Self::F64 => "F64",
            Self::I64 => "I64",
            Self::U64 => "U64",
        }
    }
}

/// What a header says.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) entries: Vec<(String, Entry)>,
    pub(super) metadata: BTreeMap<String, String>,
    /// Where the data begin, in bytes from the beginning of the file.
    pub(super) data_start: u64,
}

/// One tensor; `begin` and `end` are bytes behind the header.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<u64>,
    pub(super) begin: u64,
    pub(super) end: u64,
}

/// Reads and checks a header. Reads nothing behind it.
pub(super) fn read(path: &Path, file: &File) -> Result<Header, CheckpointError> {
    let failed = |cause| CheckpointError::Read { path: path.to_owned(), cause };
    let length = file.metadata().map_err(failed)?.len();
    if length < 8 {
        return Err(CheckpointError::CutShort { path: path.to_owned(), found: length, wanted: 8 });
    }
    let mut size = [0; 8];
    read_exact_at(file, &mut size, 0).map_err(failed)?;
    let size = u64::from_le_bytes(size);
    if size > MOST_HEADER_BYTES {
        let path = path.to_owned();
        return Err(CheckpointError::HeaderSize { path, bytes: size, most: MOST_HEADER_BYTES });
    }
    if size > length - 8 {
        let path = path.to_owned();
        return Err(CheckpointError::CutShort { path, found: length, wanted: size + 8 });
    }
    let mut text = vec![0; size as usize];
    read_exact_at(file, &mut text, 8).map_err(failed)?;
    parse(path, &text, length)
}

/// Checks a header's text against the length of its file in bytes.
pub(super) fn parse(path: &Path, text: &[u8], length: u64) -> Result<Header, CheckpointError> {
    let raw: Raw = serde_json::from_slice(text)
        .map_err(|cause| CheckpointError::Json { path: path.to_owned(), cause })?;
    let data_start = 8 + text.len() as u64;
    let room = length.saturating_sub(data_start);
    let mut names = HashSet::new();
    let mut entries = Vec::with_capacity(raw.entries.len());
    let mut wanted = data_start;
    for (name, entry) in raw.entries {
        let fault = |fault: String| CheckpointError::Entry {
            path: path.to_owned(),
            tensor: name.clone(),
            fault,
        };
        if !names.insert(name.clone()) {
            return Err(CheckpointError::Twice { path: path.to_owned(), tensor: name });
        }
        let [begin, end] = entry.data_offsets;
        let size = entry.shape.iter().try_fold(entry.dtype.bytes(), |a, b| a.checked_mul(*b));
        let shape = || format!("shape {:?} of {}", entry.shape, entry.dtype.name());
        match size {
            None => return Err(fault(format!("{} is too large", shape()))),
            Some(size) if begin > end || size != end - begin => {
                return Err(fault(format!("{} does not fill bytes {begin} to {end}", shape())));
            }
            Some(_) => {}
        }
        let Some(last) = data_start.checked_add(end) else {
            return Err(fault(format!("no file has a byte {end}")));
        };
        wanted = wanted.max(last);
        let (dtype, shape) = (entry.dtype, entry.shape);
        entries.push((name, Entry { dtype, shape, begin, end }));
    }
    if wanted > length {
        return Err(CheckpointError::CutShort { path: path.to_owned(), found: length, wanted });
    }
    fills_exactly(path, &mut entries, room)?;
    Ok(Header { entries, metadata: raw.metadata, data_start })
}

/// Checks that the tensors lie one behind the other and fill the rest of the file.
fn fills_exactly(
    path: &Path,
    entries: &mut [(String, Entry)],
    room: u64,
) -> Result<(), CheckpointError> {
    entries.sort_by_key(|(_, entry)| (entry.begin, entry.end));
    let mut at = 0;
    for (name, entry) in entries.iter() {
        if entry.begin != at {
            let what =
                if entry.begin < at { "overlap those of another tensor" } else { "leave a gap" };
            return Err(CheckpointError::Entry {
                path: path.to_owned(),
                tensor: name.clone(),
                fault: format!("bytes {} to {} {what}", entry.begin, entry.end),
            });
        }
        at = entry.end;
    }
    match entries.last() {
        Some((name, _)) if at != room => Err(CheckpointError::Entry {
            path: path.to_owned(),
            tensor: name.clone(),
            fault: format!("it is the last, and {} bytes follow that are no tensor's", room - at),
        }),
        _ => Ok(()),
    }
}

/// A header as written: its tensors in order, doubled names included.
struct Raw {
    entries: Vec<(String, RawEntry)>,
    metadata: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct RawEntry {
    dtype: Dtype,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut raw = Raw { entries: Vec::new(), metadata: BTreeMap::new() };
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                raw.metadata =
                    map.next_value::<Option<BTreeMap<String, String>>>()?.unwrap_or_default();
            } else {
                raw.entries.push((name, map.next_value()?));
            }
        }
        Ok(raw)
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;

    #[test]
    fn ten_thousand_broken_headers_end_in_errors_or_in_tensors_inside_the_file() {
        let good = br#"{"__metadata__":{"format":"pt"},"a.weight":{"dtype":"F32","shape":[4,3],"data_offsets":[0,48]},"b":{"dtype":"BF16","shape":[2],"data_offsets":[48,52]}}"#;
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let mut below = |bound: usize| (random.next_u64() % bound as u64) as usize;
        let (mut broken, mut whole) = (0, 0);
        for _ in 0..10_000 {
            let mut text = good.to_vec();
            for _ in 0..=below(4) {
                match below(5) {
                    0 => text.truncate(below(text.len()) + 1),
                    1 => text.insert(below(text.len()), b"{}[]\",:09-"[below(10)]),
                    2 => {
                        let at = below(text.len());
                        text[at] = below(256) as u8;
                    }
                    _ => {
                        let at = below(text.len());
                        text[at] = b'0' + below(10) as u8;
                    }
                }
            }
            let length = 8 + text.len() as u64 + 52;
            match parse(Path::new("a"), &text, length) {
                Err(_) => broken += 1,
                Ok(header) => {
                    whole += 1;
                    for (_, entry) in header.entries {
                        assert!(
                            entry.begin <= entry.end && header.data_start + entry.end <= length
                        );
                    }
                }
            }
        }
        assert!(broken > 5_000 && whole > 50, "{broken} broken, {whole} whole");
    }
}
