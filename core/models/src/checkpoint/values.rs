//! Numbers of a tensor, in pieces, as `f32`.

use half::{bf16, f16};

use super::position::read_exact_at;
use super::{Checkpoint, CheckpointError, Dtype};

impl Checkpoint {
    /// Reads `count` numbers of a tensor from number `start`, both counted in row-major order, behind what `out` holds.
    ///
    /// F16 and BF16 become `f32` exactly, F64 is rounded to the nearest. Fails when there is no such tensor, when its numbers are of
    /// another type, and when the file has become shorter since it was opened.
    ///
    /// # Panics
    ///
    /// When the range is not inside the tensor: callers take it from the tensor's own shape.
    pub fn read_values(
        &self,
        name: &str,
        start: u64,
        count: usize,
        out: &mut Vec<f32>,
    ) -> Result<(), CheckpointError> {
        let Some(tensor) = self.tensors.get(name) else {
            return Err(CheckpointError::NoTensor {
                path: self.origin.clone(),
                tensor: name.to_owned(),
            });
        };
        let shard = &self.files[tensor.file];
        assert!(start + count as u64 <= tensor.count(), "the range lies inside the tensor");
        let size = tensor.dtype.bytes();
        let mut bytes = vec![0; count * size as usize];
        read_exact_at(&shard.file, &mut bytes, tensor.start + start * size)
            .map_err(|cause| CheckpointError::Read { path: shard.path.clone(), cause })?;
        match tensor.dtype {
            Dtype::F32 => extend(out, &bytes, f32::from_le_bytes),
            Dtype::F16 => extend(out, &bytes, |two| f16::from_le_bytes(two).to_f32()),
            Dtype::Bf16 => extend(out, &bytes, |two| bf16::from_le_bytes(two).to_f32()),
            Dtype::F64 => extend(out, &bytes, |eight| f64::from_le_bytes(eight) as f32),
            other => {
                return Err(CheckpointError::Type {
                    path: shard.path.clone(),
                    tensor: name.to_owned(),
                    found: other.name(),
                });
            }
        }
        Ok(())
    }

    /// Reads a whole tensor; for small ones, such as norms and heads. Fails as [`Self::read_values`] does.
    pub fn read_all(&self, name: &str) -> Result<Vec<f32>, CheckpointError> {
        let count = self.tensor(name).map_or(0, |tensor| tensor.count()) as usize;
        let mut out = Vec::new();
        self.read_values(name, 0, count, &mut out)?;
        Ok(out)
    }
}

fn extend<const N: usize>(out: &mut Vec<f32>, bytes: &[u8], read: impl Fn([u8; N]) -> f32) {
    out.extend(bytes.as_chunks::<N>().0.iter().map(|chunk| read(*chunk)));
}
