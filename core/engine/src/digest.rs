//! Digests: short names of content, and seeds that are pure functions of content.
//!
//! All digests are BLAKE3 cut to 128 bits. Every field is length-prefixed, so that no two different lists of
//! fields digest the same, and every use starts with a versioned domain.

use std::fmt;

use serde::{Deserialize, Serialize};

/// 128 bits of BLAKE3; 32 hexadecimal digits as text.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 16]);

impl Digest {
    /// The digest of one text.
    pub fn of_text(text: &str) -> Self {
        Self::cut(&blake3::hash(text.as_bytes()))
    }

    /// Starts a digest of several fields; `domain` names what is digested and its version.
    pub fn of(domain: &str) -> Fields {
        let mut fields = Fields(blake3::Hasher::new());
        fields.bytes(domain.as_bytes());
        fields
    }

    /// The first 64 bits as a number, for seeds and shards.
    pub fn number(self) -> u64 {
        u64::from_le_bytes(self.0[..8].try_into().expect("a digest holds 16 bytes"))
    }

    /// The first eight hexadecimal digits, for names of folders.
    pub fn short(self) -> String {
        self.to_string()[..8].to_owned()
    }

    fn cut(hash: &blake3::Hash) -> Self {
        Self(hash.as_bytes()[..16].try_into().expect("a hash holds 32 bytes"))
    }
}

/// A digest being made, field by field.
pub struct Fields(blake3::Hasher);

impl Fields {
    /// Adds bytes with their length.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    /// Adds a text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    /// Adds a number.
    pub fn number(&mut self, number: u64) -> &mut Self {
        self.bytes(&number.to_le_bytes())
    }

    /// Adds a digest.
    pub fn digest(&mut self, digest: Digest) -> &mut Self {
        self.bytes(&digest.0)
    }

    /// The digest of all fields so far.
    pub fn finish(&self) -> Digest {
        Digest::cut(&self.0.finalize())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0u8; 32];
        for (place, byte) in self.0.iter().enumerate() {
            text[2 * place] = DIGITS[usize::from(byte >> 4)];
            text[2 * place + 1] = DIGITS[usize::from(byte & 15)];
        }
        f.write_str(std::str::from_utf8(&text).expect("hexadecimal digits are ASCII"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a digest of 32 hexadecimal digits");
        if text.len() != 32 || !text.is_ascii() {
            return Err(wrong());
        }
        let mut bytes = [0u8; 16];
        for (place, byte) in bytes.iter_mut().enumerate() {
            let digits = &text[2 * place..2 * place + 2];
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_reads_back_from_its_text() {
        let digest = Digest::of_text("tribunal");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!("xyz".parse::<Digest>().is_err());
    }

    #[test]
    fn fields_do_not_run_together() {
        let one = Digest::of("t").text("ab").text("c").finish();
        let two = Digest::of("t").text("a").text("bc").finish();
        assert_ne!(one, two);
    }

    #[test]
    fn the_digest_of_a_text_is_the_start_of_its_blake3() {
        // Published BLAKE3 test vector for the empty input: af1349b9f5f9a1a6a0404dea36dcc949...
        assert_eq!(Digest::of_text("").to_string(), "af1349b9f5f9a1a6a0404dea36dcc949");
    }
}
