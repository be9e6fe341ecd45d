//! Numbers as GGUF tensors store them: F32, F16, and the blocks Q8_0 and Q4_0.
//!
//! A block holds 32 numbers of one row and a scale in F16. Source of the arithmetic: the reference quantisers of ggml
//! (`quantize_row_q8_0_ref` and `quantize_row_q4_0_ref` in `ggml/src/ggml-quants.c`), in single precision without fused operations.

use half::f16;
use half::slice::HalfFloatSliceExt;

use crate::gguf::TensorType;

/// Numbers in a block.
const BLOCK: usize = 32;

/// A number that a tensor type cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Unfit {
    /// It is infinite or no number.
    #[error("the value {0} is no finite number")]
    NotFinite(f32),
    /// It is beyond 65504, the largest number of F16.
    #[error("the value {0} is too large for F16")]
    TooLarge(f32),
    /// A scale of a block is beyond the largest number of F16.
    #[error("the value {0} is too large for a block with a scale in F16")]
    TooLargeForBlock(f32),
}

/// Appends the numbers, as this type stores them, to `out`.
///
/// F16 rounds to the nearest, ties to even. Fails at the first number that the type cannot hold.
///
/// # Panics
///
/// When the type is another than F32, F16, Q8_0 and Q4_0, and when the numbers do not fill whole blocks: callers choose both.
pub fn encode(values: &[f32], kind: TensorType, out: &mut Vec<u8>) -> Result<(), Unfit> {
    if let Some(value) = values.iter().find(|value| !value.is_finite()) {
        return Err(Unfit::NotFinite(*value));
    }
    let whole = kind.bytes_of(values.len() as u64).is_some();
    assert!(whole, "the numbers fill whole blocks");
    match kind {
        TensorType::F32 => out.extend(values.iter().flat_map(|value| value.to_le_bytes())),
        TensorType::F16 => {
            let mut halves = vec![f16::ZERO; values.len()];
            halves.convert_from_f32_slice(values);
            if let Some(at) = halves.iter().position(|half| half.is_infinite()) {
                return Err(Unfit::TooLarge(values[at]));
            }
            out.extend(halves.iter().flat_map(|half| half.to_le_bytes()));
        }
        TensorType::Q8_0 => values.as_chunks().0.iter().try_for_each(|block| q8_0(block, out))?,
        TensorType::Q4_0 => values.as_chunks().0.iter().try_for_each(|block| q4_0(block, out))?,
        other => panic!("{other} is not written by this crate"),
    }
    Ok(())
}

/// The scale, then 32 signed bytes: each number over the scale, rounded, halves away from zero.
fn q8_0(block: &[f32; BLOCK], out: &mut Vec<u8>) -> Result<(), Unfit> {
    let largest = block.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    let scale = largest / 127.0;
    out.extend(scale_bytes(scale, largest)?);
    let inverse = inverse_of(scale);
    out.extend(block.iter().map(|value| (value * inverse).round() as i8 as u8));
    Ok(())
}

/// The scale, then 16 bytes: number `i` in the low half of byte `i`, number `i + 16` in its high half, each over the scale and 8 more.
///
/// The scale is the number of largest size, with its sign, over -8: that number becomes exactly 0.
fn q4_0(block: &[f32; BLOCK], out: &mut Vec<u8>) -> Result<(), Unfit> {
    let mut largest = 0.0f32;
    for value in block {
        if value.abs() > largest.abs() {
            largest = *value;
        }
    }
    let scale = largest / -8.0;
    out.extend(scale_bytes(scale, largest)?);
    let inverse = inverse_of(scale);
    let level = |value: f32| ((value * inverse + 8.5) as i8 as u8).min(15);
    let (low, high) = block.split_at(BLOCK / 2);
    out.extend(low.iter().zip(high).map(|(low, high)| level(*low) | level(*high) << 4));
    Ok(())
}

fn scale_bytes(scale: f32, largest: f32) -> Result<[u8; 2], Unfit> {
    let half = f16::from_f32(scale);
    if half.is_infinite() { Err(Unfit::TooLargeForBlock(largest)) } else { Ok(half.to_le_bytes()) }
}

/// One over the scale as it was before it became F16; 0 for a block of zeros.
fn inverse_of(scale: f32) -> f32 {
    if scale == 0.0 { 0.0 } else { 1.0 / scale }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(values: &[f32], kind: TensorType) -> Vec<u8> {
        let mut out = Vec::new();
        encode(values, kind, &mut out).unwrap();
        out
    }

    /// Numbers from -1.9375 to 2 in uneven steps: `((i * i * 37) % 127 - 62) / 32`.
    fn numbers() -> Vec<f32> {
        (0..64).map(|i| ((i * i * 37) % 127 - 62) as f32 / 32.0).collect()
    }

    fn digest(bytes: &[u8]) -> String {
        blake3::hash(bytes).to_hex()[..16].to_owned()
    }

    #[test]
    fn f16_rounds_to_the_nearest_and_ties_to_even() {
        // Halves of the last place at 1.0: 1 + 2^-11 lies between 1.0 (0x3C00, even) and 0x3C01; 1 + 3 * 2^-11 between
        // 0x3C01 and 0x3C02 (even).
        let step = 2f32.powi(-11);
        let bytes = encoded(
            &[1.0 + step, 1.0 + 3.0 * step, 1.0 + 1.01 * step, 65504.0, 6e-8],
            TensorType::F16,
        );
        let halves: Vec<u16> =
            bytes.as_chunks().0.iter().map(|two| u16::from_le_bytes(*two)).collect();
        assert_eq!(halves, [0x3C00, 0x3C02, 0x3C01, 0x7BFF, 0x0001]);
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        let mut out = Vec::new();
        assert_eq!(
            encode(&[1.0, 70_000.0], TensorType::F16, &mut out),
            Err(Unfit::TooLarge(70_000.0))
        );
        assert!(matches!(encode(&[f32::NAN], TensorType::F32, &mut out), Err(Unfit::NotFinite(_))));
        let mut block = [0.0; 32];
        block[3] = 1e8;
        assert_eq!(encode(&block, TensorType::Q8_0, &mut out), Err(Unfit::TooLargeForBlock(1e8)));
    }

    #[test]
    fn a_block_of_q8_0_is_worked_out_by_hand() {
        // Largest size 2.54, so the scale is 0.02 (F16 0x251F); 1.0 / 0.02 = 50, -2.54 / 0.02 = -127.
        let mut block = [0.0; 32];
        (block[0], block[1]) = (1.0, -2.54);
        let bytes = encoded(&block, TensorType::Q8_0);
        assert_eq!(bytes[..4], [0x1F, 0x25, 50, (-127i8) as u8]);
        assert_eq!(bytes[4..], [0; 30]);
    }

    #[test]
    fn a_block_of_q4_0_is_worked_out_by_hand() {
        // Largest size is -4.0: the scale is 0.5 (F16 0x3800), and -4.0 is level 0. 1.0 is level 10, 3.9 is level 15 and not 16.
        let mut block = [0.0; 32];
        (block[0], block[1], block[16]) = (-4.0, 1.0, 3.9);
        let bytes = encoded(&block, TensorType::Q4_0);
        assert_eq!(bytes[..5], [0x00, 0x38, 0xF0, 0x8A, 0x88]);
    }

    #[test]
    fn blocks_of_zeros_are_zeros() {
        assert_eq!(encoded(&[0.0; 32], TensorType::Q8_0), [0; 34]);
        // The scale is -0.0 over 1: 0 / -8 is negative zero.
        assert_eq!(encoded(&[0.0; 32], TensorType::Q4_0)[2..], [0x88; 16]);
    }

    #[test]
    fn blocks_are_those_of_another_program() {
        // The Python package `gguf` wrote the same bytes for the same numbers.
        let numbers = numbers();
        assert_eq!(digest(&encoded(&numbers, TensorType::F16)), "2c869c0ebd40e2da");
        assert_eq!(digest(&encoded(&numbers, TensorType::Q8_0)), "d1d7ca3a126efaca");
        assert_eq!(digest(&encoded(&numbers, TensorType::Q4_0)), "abd9ad1a705617b5");
    }
}
