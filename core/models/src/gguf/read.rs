//! Reading the header of a GGUF file that nobody vouches for.
//!
//! Nothing is allocated for what a file merely claims: lists grow as their elements are read, and a header ends at
//! [`MOST_METADATA_BYTES`].

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

use super::value::ARRAY;
use super::{ALIGNMENT, Array, Gguf, GgufError, MAGIC, PlacedTensor, TensorType, Value};

/// The longest header that is read, in bytes. Vocabularies of a quarter of a million tokens take a tenth of it.
pub const MOST_METADATA_BYTES: u64 = 128 << 20;
/// Most dimensions of a tensor.
const MOST_DIMENSIONS: u32 = 4;

impl Gguf {
    /// Reads the header of a file.
    ///
    /// Fails when it is no GGUF file of version 2 or 3, when the header is cut short, larger than [`MOST_METADATA_BYTES`] or holds a key
    /// or a tensor twice, and when a tensor of a known type reaches over the file's end.
    pub fn read(path: &Path) -> Result<Self, GgufError> {
        let failed = |cause| GgufError::Read { path: path.to_owned(), cause };
        let file = File::open(path).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        Self::read_from(path, BufReader::new(file), bytes)
    }

    /// As [`Self::read`], from a reader of a file of this many bytes. `path` is for messages only.
    pub fn read_from(path: &Path, reader: impl Read, bytes: u64) -> Result<Self, GgufError> {
        let mut source = Source { path, reader, bytes, at: 0 };
        if source.array::<4>("the first four letters").ok().as_ref() != Some(MAGIC) {
            return Err(GgufError::Magic { path: path.to_owned() });
        }
        let version = source.u32("the version")?;
        if version.trailing_zeros() >= 16 && version != 0 {
            return Err(GgufError::Endian { path: path.to_owned() });
        }
        if !(2..=3).contains(&version) {
            return Err(GgufError::Version { path: path.to_owned(), found: version });
        }
        let tensors = source.u64("the number of tensors")?;
        let keys = source.u64("the number of keys")?;
        let metadata = source.metadata(keys)?;
        let alignment = match metadata.iter().find(|(key, _)| key == "general.alignment") {
            None => ALIGNMENT,
            Some((_, value)) => match value.whole() {
                Some(value) if value.is_power_of_two() && value <= 1 << 20 => value,
                _ => return Err(source.fault("`general.alignment` is no power of two".to_owned())),
            },
        };
        let mut tensors = source.tensors(tensors)?;
        let data = source.at.next_multiple_of(alignment);
        for tensor in &mut tensors {
            place(path, tensor, data, alignment, bytes)?;
        }
        Ok(Self { path: path.to_owned(), version, bytes, metadata, tensors })
    }
}

/// Turns an offset behind the header into one in the file, and checks that the tensor lies inside.
fn place(
    path: &Path,
    tensor: &mut PlacedTensor,
    data: u64,
    alignment: u64,
    bytes: u64,
) -> Result<(), GgufError> {
    let fault = |what: &str| GgufError::Header {
        path: path.to_owned(),
        fault: format!("the tensor `{}` {what}", tensor.name),
    };
    let count = tensor.dimensions.iter().try_fold(1u64, |all, each| all.checked_mul(*each));
    let Some(count) = count else { return Err(fault("has more numbers than can be counted")) };
    if !tensor.start.is_multiple_of(alignment) {
        return Err(fault("does not begin where the file's alignment wants it"));
    }
    let Some(start) = tensor.start.checked_add(data) else {
        return Err(fault("begins behind any file's end"));
    };
    if tensor.kind.block().is_some() {
        let columns = tensor.dimensions.first().copied().unwrap_or(1);
        if tensor.kind.bytes_of(columns).is_none() {
            return Err(fault("has rows that do not fill whole blocks of its type"));
        }
        let end = tensor.kind.bytes_of(count).and_then(|size| start.checked_add(size));
        if end.is_none_or(|end| end > bytes) {
            let what = format!("the tensor `{}`", tensor.name);
            return Err(GgufError::CutShort { path: path.to_owned(), found: bytes, what });
        }
    }
    tensor.start = start;
    Ok(())
}

struct Source<'a, R> {
    path: &'a Path,
    reader: R,
    /// Length of the file.
    bytes: u64,
    /// How much of it is read.
    at: u64,
}

impl<R: Read> Source<'_, R> {
    fn fault(&self, fault: String) -> GgufError {
        GgufError::Header { path: self.path.to_owned(), fault }
    }

    /// Says no before anything of this size is read or allocated, when it cannot be there.
    fn expect(&self, size: u64, what: &str) -> Result<(), GgufError> {
        let end = self.at.checked_add(size);
        match end {
            Some(end) if end > MOST_METADATA_BYTES && end <= self.bytes => {
                Err(self.fault(format!("it is longer than {MOST_METADATA_BYTES} bytes")))
            }
            Some(end) if end <= self.bytes => Ok(()),
            _ => Err(self.short(what)),
        }
    }

    fn short(&self, what: &str) -> GgufError {
        GgufError::CutShort { path: self.path.to_owned(), found: self.bytes, what: what.to_owned() }
    }

    fn fill(&mut self, buffer: &mut [u8], what: &str) -> Result<(), GgufError> {
        self.expect(buffer.len() as u64, what)?;
        self.reader.read_exact(buffer).map_err(|cause| match cause.kind() {
            ErrorKind::UnexpectedEof => self.short(what),
            _ => GgufError::Read { path: self.path.to_owned(), cause },
        })?;
        self.at += buffer.len() as u64;
        Ok(())
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], GgufError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes, what)?;
        Ok(bytes)
    }

    fn u32(&mut self, what: &str) -> Result<u32, GgufError> {
        self.array(what).map(u32::from_le_bytes)
    }

    fn u64(&mut self, what: &str) -> Result<u64, GgufError> {
        self.array(what).map(u64::from_le_bytes)
    }

    fn bytes(&mut self, what: &str) -> Result<Vec<u8>, GgufError> {
        let length = self.u64(what)?;
        self.expect(length, what)?;
        let mut bytes = vec![0; length as usize];
        self.fill(&mut bytes, what)?;
        Ok(bytes)
    }

    /// A name of the file's own: a key or a tensor.
    fn name(&mut self, what: &str) -> Result<String, GgufError> {
        let bytes = self.bytes(what)?;
        String::from_utf8(bytes).map_err(|_| self.fault(format!("{what} is no valid text")))
    }

    fn text(&mut self, what: &str) -> Result<String, GgufError> {
        let bytes = self.bytes(what)?;
        Ok(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        })
    }

    fn metadata(&mut self, keys: u64) -> Result<Vec<(String, Value)>, GgufError> {
        // A key takes at least its length, its type and one byte.
        self.expect(keys.saturating_mul(13), "the list of keys")?;
        let mut metadata = Vec::new();
        let mut seen = HashSet::new();
        for _ in 0..keys {
            let key = self.name("a key")?;
            let kind = self.u32(&key)?;
            let value = self.value(&key, kind)?;
            if !seen.insert(key.clone()) {
                return Err(self.fault(format!("the key `{key}` stands there twice")));
            }
            metadata.push((key, value));
        }
        Ok(metadata)
    }

    fn value(&mut self, key: &str, kind: u32) -> Result<Value, GgufError> {
        Ok(match kind {
            0 => Value::U8(u8::from_le_bytes(self.array(key)?)),
            1 => Value::I8(i8::from_le_bytes(self.array(key)?)),
            2 => Value::U16(u16::from_le_bytes(self.array(key)?)),
            3 => Value::I16(i16::from_le_bytes(self.array(key)?)),
            4 => Value::U32(u32::from_le_bytes(self.array(key)?)),
            5 => Value::I32(i32::from_le_bytes(self.array(key)?)),
            6 => Value::F32(f32::from_le_bytes(self.array(key)?)),
            7 => Value::Bool(self.array::<1>(key)? != [0]),
            8 => Value::Text(self.text(key)?),
            ARRAY => {
                let kind = self.u32(key)?;
                let count = self.u64(key)?;
                Value::Array(self.list(key, kind, count)?)
            }
            10 => Value::U64(u64::from_le_bytes(self.array(key)?)),
            11 => Value::I64(i64::from_le_bytes(self.array(key)?)),
            12 => Value::F64(f64::from_le_bytes(self.array(key)?)),
            _ => {
                return Err(
                    self.fault(format!("the key `{key}` has a value of unknown type {kind}"))
                );
            }
        })
    }

    fn list(&mut self, key: &str, kind: u32, count: u64) -> Result<Array, GgufError> {
        Ok(match kind {
            0 => Array::U8(self.numbers(key, count, u8::from_le_bytes)?),
            1 => Array::I8(self.numbers(key, count, i8::from_le_bytes)?),
            2 => Array::U16(self.numbers(key, count, u16::from_le_bytes)?),
            3 => Array::I16(self.numbers(key, count, i16::from_le_bytes)?),
            4 => Array::U32(self.numbers(key, count, u32::from_le_bytes)?),
            5 => Array::I32(self.numbers(key, count, i32::from_le_bytes)?),
            6 => Array::F32(self.numbers(key, count, f32::from_le_bytes)?),
            7 => Array::Bool(self.numbers(key, count, |byte: [u8; 1]| byte != [0])?),
            8 => {
                self.expect(count.saturating_mul(8), key)?;
                let mut texts = Vec::new();
                for _ in 0..count {
                    texts.push(self.text(key)?);
                }
                Array::Text(texts)
            }
            10 => Array::U64(self.numbers(key, count, u64::from_le_bytes)?),
            11 => Array::I64(self.numbers(key, count, i64::from_le_bytes)?),
            12 => Array::F64(self.numbers(key, count, f64::from_le_bytes)?),
            _ => return Err(self.fault(format!("the key `{key}` has a list of type {kind}"))),
        })
    }

    fn numbers<T, const N: usize>(
        &mut self,
        key: &str,
        count: u64,
        read: impl Fn([u8; N]) -> T,
    ) -> Result<Vec<T>, GgufError> {
        self.expect(count.saturating_mul(N as u64), key)?;
        let mut values = Vec::with_capacity(count as usize);
        for _ in 0..count {
            values.push(read(self.array(key)?));
        }
        Ok(values)
    }

    /// The tensors, with `start` counted from the end of the header.
    fn tensors(&mut self, count: u64) -> Result<Vec<PlacedTensor>, GgufError> {
        // A tensor takes at least its name's length, its number of dimensions, its type and its offset.
        self.expect(count.saturating_mul(24), "the list of tensors")?;
        let mut tensors = Vec::new();
        let mut seen = HashSet::new();
        for _ in 0..count {
            let name = self.name("the name of a tensor")?;
            let what = format!("the tensor `{name}`");
            let dimensions = self.u32(&what)?;
            if dimensions > MOST_DIMENSIONS {
                return Err(self.fault(format!("{what} has {dimensions} dimensions")));
            }
            let dimensions = (0..dimensions)
                .map(|_| self.u64(&what))
                .collect::<Result<Vec<u64>, GgufError>>()?;
            let kind = TensorType(self.u32(&what)?);
            let start = self.u64(&what)?;
            if !seen.insert(name.clone()) {
                return Err(self.fault(format!("{what} stands there twice")));
            }
            tensors.push(PlacedTensor { name, dimensions, kind, start });
        }
        Ok(tensors)
    }
}
