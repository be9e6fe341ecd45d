//! Values that a GGUF file holds under its keys.

/// A value under a key.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // The variants are the format's types.
pub enum Value {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    /// A text. Bytes of a file that are no UTF-8 are replaced by U+FFFD.
    Text(String),
    Array(Array),
    U64(u64),
    I64(i64),
    F64(f64),
}

/// A list of values of one type. Lists of lists are not part of what llama.cpp reads, so there are none.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Array {
    U8(Vec<u8>),
    I8(Vec<i8>),
    U16(Vec<u16>),
    I16(Vec<i16>),
    U32(Vec<u32>),
    I32(Vec<i32>),
    F32(Vec<f32>),
    Bool(Vec<bool>),
    Text(Vec<String>),
    U64(Vec<u64>),
    I64(Vec<i64>),
    F64(Vec<f64>),
}

/// The number that says that a list follows.
pub(super) const ARRAY: u32 = 9;

impl Value {
    /// As a whole number that is not negative.
    pub fn whole(&self) -> Option<u64> {
        match self {
            Self::U8(value) => Some(u64::from(*value)),
            Self::U16(value) => Some(u64::from(*value)),
            Self::U32(value) => Some(u64::from(*value)),
            Self::U64(value) => Some(*value),
            Self::I8(value) => u64::try_from(*value).ok(),
            Self::I16(value) => u64::try_from(*value).ok(),
            Self::I32(value) => u64::try_from(*value).ok(),
            Self::I64(value) => u64::try_from(*value).ok(),
            Self::F32(_) | Self::F64(_) | Self::Bool(_) | Self::Text(_) | Self::Array(_) => None,
        }
    }

    /// Appends the type's number and the value, as files hold them.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut scalar = |kind: u32, bytes: &[u8]| {
            out.extend(kind.to_le_bytes());
            out.extend(bytes);
        };
        match self {
            Self::U8(value) => scalar(0, &value.to_le_bytes()),
            Self::I8(value) => scalar(1, &value.to_le_bytes()),
            Self::U16(value) => scalar(2, &value.to_le_bytes()),
            Self::I16(value) => scalar(3, &value.to_le_bytes()),
            Self::U32(value) => scalar(4, &value.to_le_bytes()),
            Self::I32(value) => scalar(5, &value.to_le_bytes()),
            Self::F32(value) => scalar(6, &value.to_le_bytes()),
            Self::Bool(value) => scalar(7, &[u8::from(*value)]),
            Self::U64(value) => scalar(10, &value.to_le_bytes()),
            Self::I64(value) => scalar(11, &value.to_le_bytes()),
            Self::F64(value) => scalar(12, &value.to_le_bytes()),
            Self::Text(text) => {
                out.extend(8u32.to_le_bytes());
                write_text(text, out);
            }
            Self::Array(array) => {
                out.extend(ARRAY.to_le_bytes());
                array.write(out);
            }
        }
    }
}

impl Array {
    fn write(&self, out: &mut Vec<u8>) {
        fn list<T: Copy, const N: usize>(
            kind: u32,
            values: &[T],
            bytes: impl Fn(T) -> [u8; N],
            out: &mut Vec<u8>,
        ) {
            out.extend(kind.to_le_bytes());
            out.extend((values.len() as u64).to_le_bytes());
            values.iter().for_each(|value| out.extend(bytes(*value)));
        }
        match self {
            Self::U8(values) => list(0, values, u8::to_le_bytes, out),
            Self::I8(values) => list(1, values, i8::to_le_bytes, out),
            Self::U16(values) => list(2, values, u16::to_le_bytes, out),
            Self::I16(values) => list(3, values, i16::to_le_bytes, out),
            Self::U32(values) => list(4, values, u32::to_le_bytes, out),
            Self::I32(values) => list(5, values, i32::to_le_bytes, out),
            Self::F32(values) => list(6, values, f32::to_le_bytes, out),
            Self::Bool(values) => list(7, values, |value| [u8::from(value)], out),
            Self::U64(values) => list(10, values, u64::to_le_bytes, out),
            Self::I64(values) => list(11, values, i64::to_le_bytes, out),
            Self::F64(values) => list(12, values, f64::to_le_bytes, out),
            Self::Text(texts) => {
                out.extend(8u32.to_le_bytes());
                out.extend((texts.len() as u64).to_le_bytes());
                texts.iter().for_each(|text| write_text(text, out));
            }
        }
    }
}

pub(super) fn write_text(text: &str, out: &mut Vec<u8>) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::U32(value)
    }
}

impl From<f32> for Value {
    fn from(value: f32) -> Self {
        Self::F32(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Vec<String>> for Value {
    fn from(texts: Vec<String>) -> Self {
        Self::Array(Array::Text(texts))
    }
}
