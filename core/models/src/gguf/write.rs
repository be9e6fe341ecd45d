//! Writing a GGUF file: its header at once, its tensors in pieces.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::value::write_text;
use super::{ALIGNMENT, GgufError, MAGIC, TensorType, VERSION, Value};
use crate::files::{Ready, Replacing};

/// A tensor that is going to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedTensor {
    /// Its name, shorter than 64 bytes.
    pub name: String,
    /// Its dimensions, the fastest first.
    pub dimensions: Vec<u64>,
    /// How its numbers are stored.
    pub kind: TensorType,
}

impl PlannedTensor {
    /// Its size in bytes; `None` when rows do not fill whole blocks of its type.
    pub fn bytes(&self) -> Option<u64> {
        let columns = self.dimensions.first().copied().unwrap_or(1);
        let rows =
            self.dimensions.iter().skip(1).try_fold(1u64, |all, each| all.checked_mul(*each))?;
        self.kind.bytes_of(columns)?.checked_mul(rows)
    }
}

/// A GGUF file being written. It has a passing name in the target's folder until [`GgufWriter::finish`].
pub struct GgufWriter {
    path: PathBuf,
    out: Replacing,
    /// Sizes in bytes of the tensors that are not complete, the next one first.
    left: std::vec::IntoIter<u64>,
    /// Bytes missing of the tensor being written.
    missing: u64,
    /// Zeros that follow it.
    padding: u64,
}

/// A GGUF file that is on the disk and only waits for its name.
pub(crate) struct Finished {
    path: PathBuf,
    file: Ready,
}

impl GgufWriter {
    /// Writes the header. The tensors have to follow in this order through [`GgufWriter::write`].
    ///
    /// Fails when the file cannot be created and when a tensor's rows do not fill whole blocks of its type.
    pub fn create(
        path: &Path,
        metadata: &[(String, Value)],
        tensors: &[PlannedTensor],
    ) -> Result<Self, GgufError> {
        let mut header = MAGIC.to_vec();
        header.extend(VERSION.to_le_bytes());
        header.extend((tensors.len() as u64).to_le_bytes());
        header.extend((metadata.len() as u64).to_le_bytes());
        for (key, value) in metadata {
            write_text(key, &mut header);
            value.write(&mut header);
        }
        let mut sizes = Vec::with_capacity(tensors.len());
        let mut start: u64 = 0;
        for tensor in tensors {
            let Some(size) = tensor.bytes().filter(|_| tensor.name.len() < 64) else {
                let fault = format!("`{}` cannot be stored as {}", tensor.name, tensor.kind);
                return Err(GgufError::Header { path: path.to_owned(), fault });
            };
            write_text(&tensor.name, &mut header);
            header.extend((tensor.dimensions.len() as u32).to_le_bytes());
            tensor.dimensions.iter().for_each(|each| header.extend(each.to_le_bytes()));
            header.extend(tensor.kind.0.to_le_bytes());
            header.extend(start.to_le_bytes());
            start = (start + size).next_multiple_of(ALIGNMENT);
            sizes.push(size);
        }
        header.resize((header.len() as u64).next_multiple_of(ALIGNMENT) as usize, 0);
        let failed = |cause| GgufError::Write { path: path.to_owned(), cause };
        let mut out = Replacing::create(path).map_err(failed)?;
        out.write_all(&header).map_err(failed)?;
        let left = sizes.into_iter();
        Ok(Self { path: path.to_owned(), out, left, missing: 0, padding: 0 })
    }

    /// Writes the next bytes. Pieces may end anywhere inside a tensor, and not go over its end.
    ///
    /// # Panics
    ///
    /// When more bytes come than the tensor holds: the caller made both from one plan.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), GgufError> {
        if self.missing == 0 {
            self.missing = self.left.next().expect("the header lists every tensor that is written");
            self.padding = self.missing.next_multiple_of(ALIGNMENT) - self.missing;
        }
        let size = bytes.len() as u64;
        assert!(size <= self.missing, "a tensor gets the bytes that its type and shape take");
        let failed = |cause| GgufError::Write { path: self.path.clone(), cause };
        self.out.write_all(bytes).map_err(failed)?;
        self.missing -= size;
        if self.missing == 0 {
            let zeros = [0; ALIGNMENT as usize];
            self.out.write_all(&zeros[..self.padding as usize]).map_err(failed)?;
        }
        Ok(())
    }

    /// Puts the file in place of its target and returns its BLAKE3 digest in hexadecimal.
    ///
    /// # Panics
    ///
    /// When tensors are missing: the caller made the header from the same plan.
    pub fn finish(self) -> Result<String, GgufError> {
        self.ready()?.place()
    }

    /// Writes the rest to the disk, and leaves the target as it is.
    pub(crate) fn ready(self) -> Result<Finished, GgufError> {
        assert!(self.missing == 0 && self.left.len() == 0, "every tensor of the header is written");
        let failed = |cause| GgufError::Write { path: self.path.clone(), cause };
        let file = self.out.ready().map_err(failed)?;
        Ok(Finished { path: self.path, file })
    }
}

impl Finished {
    /// Puts the file in place of its target and returns its digest.
    pub(crate) fn place(self) -> Result<String, GgufError> {
        self.file.place().map_err(|cause| GgufError::Write { path: self.path, cause })
    }
}
