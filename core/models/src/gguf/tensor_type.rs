//! How the numbers of a GGUF tensor are stored.

use std::fmt;

/// How the numbers of a tensor are stored, by the number that files hold.
///
/// Files may hold numbers that this crate does not know; such a tensor has a name made of its number and no known size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TensorType(pub u32);

impl TensorType {
    /// 32-bit floating point.
    pub const F32: Self = Self(0);
    /// 16-bit floating point.
    pub const F16: Self = Self(1);
    /// 4-bit blocks of 32 with one scale.
    pub const Q4_0: Self = Self(2);
    /// 8-bit blocks of 32 with one scale.
    pub const Q8_0: Self = Self(8);

    /// Its name as llama.cpp writes it; `None` when it is not known.
    pub fn name(self) -> Option<&'static str> {
        self.known().map(|(name, _, _)| name)
    }

    /// How many numbers make a block, and how many bytes a block takes; `None` when it is not known.
    pub fn block(self) -> Option<(u64, u64)> {
        self.known().map(|(_, numbers, bytes)| (numbers, bytes))
    }

    /// Bytes that this many numbers take; `None` when the type is not known, when they do not fill whole blocks, or when there are too
    /// many.
    pub fn bytes_of(self, count: u64) -> Option<u64> {
        let (numbers, bytes) = self.block()?;
        if count.is_multiple_of(numbers) { (count / numbers).checked_mul(bytes) } else { None }
    }

    /// Name, numbers in a block, bytes of a block. Source: the type traits and block structures of ggml.
    fn known(self) -> Option<(&'static str, u64, u64)> {
        Some(match self.0 {
            0 => ("F32", 1, 4),
            1 => ("F16", 1, 2),
            2 => ("Q4_0", 32, 18),
            3 => ("Q4_1", 32, 20),
            6 => ("Q5_0", 32, 22),
            7 => ("Q5_1", 32, 24),
            8 => ("Q8_0", 32, 34),
            9 => ("Q8_1", 32, 36),
            10 => ("Q2_K", 256, 84),
            11 => ("Q3_K", 256, 110),
            12 => ("Q4_K", 256, 144),
            13 => ("Q5_K", 256, 176),
            14 => ("Q6_K", 256, 210),
            15 => ("Q8_K", 256, 292),
            16 => ("IQ2_XXS", 256, 66),
            17 => ("IQ2_XS", 256, 74),
            18 => ("IQ3_XXS", 256, 98),
            19 => ("IQ1_S", 256, 50),
            20 => ("IQ4_NL", 32, 18),
            21 => ("IQ3_S", 256, 110),
            22 => ("IQ2_S", 256, 82),
            23 => ("IQ4_XS", 256, 136),
            24 => ("I8", 1, 1),
            25 => ("I16", 1, 2),
            26 => ("I32", 1, 4),
            27 => ("I64", 1, 8),
            28 => ("F64", 1, 8),
            29 => ("IQ1_M", 256, 56),
            30 => ("BF16", 1, 2),
            34 => ("TQ1_0", 256, 54),
            35 => ("TQ2_0", 256, 66),
            39 => ("MXFP4", 32, 17),
            _ => return None,
        })
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => out.write_str(name),
            None => write!(out, "type {}", self.0),
        }
    }
}
