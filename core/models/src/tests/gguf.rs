//! GGUF: reading back what is written, and files that are broken or hostile.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::gguf::{Array, Gguf, GgufError, GgufWriter, PlannedTensor, TensorType, Value};
use crate::info::info;

fn example(path: &Path) {
    let metadata = [
        ("general.architecture".to_owned(), Value::from("llama")),
        ("llama.context_length".to_owned(), Value::from(512)),
        ("llama.rope.freq_base".to_owned(), Value::from(10_000.0)),
        ("tokenizer.ggml.tokens".to_owned(), Value::from(vec!["a".to_owned(), "é".to_owned()])),
        ("tokenizer.ggml.token_type".to_owned(), Value::Array(Array::I32(vec![1, 3]))),
        ("tokenizer.ggml.add_bos_token".to_owned(), Value::from(true)),
    ];
    let plan = |name: &str, dimensions: &[u64], kind| PlannedTensor {
        name: name.into(),
        dimensions: dimensions.into(),
        kind,
    };
    let tensors = [plan("norm", &[3], TensorType::F32), plan("w", &[32, 2], TensorType::Q8_0)];
    let mut writer = GgufWriter::create(path, &metadata, &tensors).unwrap();
    writer.write(&[1; 5]).unwrap();
    writer.write(&[1; 7]).unwrap();
    writer.write(&[2; 68]).unwrap();
    writer.finish().unwrap();
}

fn example_bytes() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gguf");
    example(&path);
    fs::read(path).unwrap()
}

fn read(bytes: &[u8]) -> Result<Gguf, GgufError> {
    Gguf::read_from(Path::new("a.gguf"), Cursor::new(bytes), bytes.len() as u64)
}

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gguf");
    example(&path);

    let gguf = Gguf::read(&path).unwrap();

    assert_eq!(gguf.architecture(), Some("llama"));
    assert_eq!(gguf.of_architecture("context_length"), Some(512));
    assert_eq!(gguf.texts("tokenizer.ggml.tokens").unwrap(), ["a", "é"]);
    assert_eq!(gguf.truth("tokenizer.ggml.add_bos_token"), Some(true));
    let [norm, weight] = &gguf.tensors[..] else { panic!("{:?}", gguf.tensors) };
    assert_eq!((norm.start % 32, weight.start % 32), (0, 0));
    assert_eq!(weight.start - norm.start, 32);
    assert_eq!(weight.dimensions, [32, 2]);
    let bytes = fs::read(&path).unwrap();
    assert_eq!(bytes[norm.start as usize..][..12], [1; 12]);
    assert_eq!(bytes[weight.start as usize..][..68], [2; 68]);
}

#[test]
fn nothing_but_the_finished_file_stays_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    example(&folder.path().join("a.gguf"));
    drop(GgufWriter::create(&folder.path().join("b.gguf"), &[], &[]).unwrap());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn other_versions_and_other_files_are_told_apart() {
    let mut bytes = example_bytes();
    bytes[4] = 2;
    assert_eq!(read(&bytes).unwrap().version, 2);
    bytes[4] = 1;
    assert!(matches!(read(&bytes), Err(GgufError::Version { found: 1, .. })));
    bytes[4..8].copy_from_slice(&3u32.to_be_bytes());
    assert!(matches!(read(&bytes), Err(GgufError::Endian { .. })));
    assert!(matches!(read(b"GG"), Err(GgufError::Magic { .. })));
    assert!(matches!(read(b"PK\x03\x04........"), Err(GgufError::Magic { .. })));
}

#[test]
fn every_shorter_file_is_called_cut_short() {
    let bytes = example_bytes();
    for length in 4..bytes.len() - 31 {
        let error = read(&bytes[..length]).unwrap_err();
        assert!(matches!(error, GgufError::CutShort { .. }), "{length}: {error}");
    }
}

#[test]
fn a_file_that_claims_more_than_it_holds_costs_nothing() {
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    bytes.extend(u64::MAX.to_le_bytes());
    bytes.extend(u64::MAX.to_le_bytes());
    assert!(matches!(read(&bytes), Err(GgufError::CutShort { .. })));
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    bytes.extend(0u64.to_le_bytes());
    bytes.extend(1u64.to_le_bytes());
    bytes.extend([1, 0, 0, 0, 0, 0, 0, 0, b'k', 9, 0, 0, 0, 8, 0, 0, 0]);
    bytes.extend((1u64 << 60).to_le_bytes());
    // A file of 2^62 bytes that is mostly a hole: its list of texts is refused before any is read.
    let error = Gguf::read_from(Path::new("a.gguf"), Cursor::new(&bytes), 1 << 62).unwrap_err();
    assert!(matches!(error, GgufError::CutShort { .. } | GgufError::Header { .. }), "{error}");
}

#[test]
fn ten_thousand_broken_headers_end_in_errors_or_in_a_header() {
    let good = example_bytes();
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let mut below = |bound: usize| (random.next_u64() % bound as u64) as usize;
    let (mut broken, mut whole) = (0, 0);
    for _ in 0..10_000 {
        let mut bytes = good.clone();
        for _ in 0..=below(4) {
            match below(6) {
                0 => bytes.truncate(below(bytes.len()) + 1),
                1 => bytes.insert(below(bytes.len()), below(256) as u8),
                2 => drop(bytes.remove(below(bytes.len()).min(bytes.len() - 1))),
                _ => {
                    let at = below(bytes.len());
                    bytes[at] = if below(3) == 0 { 0xFF } else { below(256) as u8 };
                }
            }
            if bytes.is_empty() {
                bytes.push(b'G');
            }
        }
        match read(&bytes) {
            Err(_) => broken += 1,
            Ok(_) => whole += 1,
        }
    }
    assert!(broken > 5_000 && whole > 50, "{broken} broken, {whole} whole");
}

#[test]
fn numbers_of_tensors_beyond_all_sums_are_no_overflow() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gguf");
    let plan = |name: &str| PlannedTensor {
        name: name.into(),
        dimensions: vec![1],
        kind: TensorType::F32,
    };
    let mut writer = GgufWriter::create(&path, &[], &[plan("a"), plan("b")]).unwrap();
    writer.write(&[0; 4]).unwrap();
    writer.write(&[0; 4]).unwrap();
    writer.finish().unwrap();
    // One dimension, its length and the type, which becomes one of unknown size.
    let mut bytes = fs::read(&path).unwrap();
    let old = [&[1, 0, 0, 0][..], &1u64.to_le_bytes(), &[0; 4]].concat();
    let new = [&[1, 0, 0, 0][..], &u64::MAX.to_le_bytes(), &[0xff; 4]].concat();
    let places: Vec<usize> =
        (0..bytes.len() - 16).filter(|at| bytes[*at..].starts_with(&old)).collect();
    assert_eq!(places.len(), 2);
    places.iter().for_each(|at| bytes[*at..at + 16].copy_from_slice(&new));
    fs::write(&path, bytes).unwrap();
    assert_eq!(info(&path).unwrap().parameters, u64::MAX);
}
