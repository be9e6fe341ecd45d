//! Weights: what is read, and what is said about files that are broken, cut short or hostile.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::checkpoint::{SidecarTensor, write_safetensors};
use crate::{Checkpoint, CheckpointError, Dtype};

fn tensor(name: &str, shape: &[u64], values: &[f32]) -> SidecarTensor {
    SidecarTensor { name: name.into(), shape: shape.into(), values: values.into() }
}

/// A file of this header, padded to nothing, and these data.
fn file(path: &Path, header: &serde_json::Value, data: &[u8]) {
    let text = header.to_string();
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes.extend(data);
    fs::write(path, bytes).unwrap();
}

fn fault_of(header: &serde_json::Value, data: &[u8]) -> CheckpointError {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    file(&path, header, data);
    Checkpoint::open(folder.path()).unwrap_err()
}

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let tensors = [tensor("a", &[2, 2], &[1.0, -2.0, 0.5, 3.25]), tensor("b", &[1], &[7.0])];
    write_safetensors(&path, &[("format", "pt".into())], &tensors).unwrap();

    let checkpoint = Checkpoint::open(folder.path()).unwrap();

    assert_eq!(checkpoint.tensor("a").unwrap().shape, [2, 2]);
    assert_eq!(checkpoint.read_all("a").unwrap(), [1.0, -2.0, 0.5, 3.25]);
    assert_eq!(checkpoint.read_all("b").unwrap(), [7.0]);
    assert_eq!(checkpoint.metadata("format"), Some("pt"));
    let mut piece = Vec::new();
    checkpoint.read_values("a", 1, 2, &mut piece).unwrap();
    assert_eq!(piece, [-2.0, 0.5]);
}

#[test]
fn half_precision_and_double_precision_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    // 1.5 is 0x3E00 in F16, 0x3FC0 in BF16 and 0x3FF8000000000000 in F64.
    let data =
        [&0x3E00u16.to_le_bytes()[..], &0x3FC0u16.to_le_bytes(), &1.5f64.to_le_bytes()].concat();
    let header = json!({
        "h": {"dtype": "F16", "shape": [1], "data_offsets": [0, 2]},
        "b": {"dtype": "BF16", "shape": [1], "data_offsets": [2, 4]},
        "d": {"dtype": "F64", "shape": [1], "data_offsets": [4, 12]},
    });
    file(&path, &header, &data);
    let checkpoint = Checkpoint::open_file(&path).unwrap();
    for name in ["h", "b", "d"] {
        assert_eq!(checkpoint.read_all(name).unwrap(), [1.5]);
    }
}

#[test]
fn whole_numbers_are_listed_but_not_read_as_weights() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    file(&path, &json!({"ids": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]}}), &[0; 8]);
    let checkpoint = Checkpoint::open_file(&path).unwrap();
    assert_eq!(checkpoint.tensor("ids").unwrap().dtype, Dtype::I64);
    let error = checkpoint.read_all("ids").unwrap_err();
    assert!(error.to_string().contains("the tensor `ids` in "), "{error}");
    assert!(error.to_string().ends_with(" is I64, not F32, F16, BF16 or F64"), "{error}");
}

#[test]
fn shards_are_read_through_their_index() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_safetensors(&at("one.safetensors"), &[], &[tensor("a", &[1], &[1.0])]).unwrap();
    write_safetensors(&at("two.safetensors"), &[], &[tensor("b", &[1], &[2.0])]).unwrap();
    let index = json!({"metadata": {"total_size": 8}, "weight_map": {"a": "one.safetensors", "b": "two.safetensors"}});
    fs::write(at("model.safetensors.index.json"), index.to_string()).unwrap();

    let checkpoint = Checkpoint::open(folder.path()).unwrap();

    assert_eq!(checkpoint.read_all("b").unwrap(), [2.0]);
    assert_eq!(checkpoint.files().count(), 2);
}

#[test]
fn a_missing_shard_is_named_with_what_it_should_hold() {
    let folder = tempfile::tempdir().unwrap();
    let index = json!({"weight_map": {"a": "one.safetensors", "b": "one.safetensors"}});
    fs::write(folder.path().join("model.safetensors.index.json"), index.to_string()).unwrap();
    let error = Checkpoint::open(folder.path()).unwrap_err();
    assert!(
        matches!(&error, CheckpointError::NoShard { tensors: 2, shard, .. } if shard.ends_with("one.safetensors"))
    );
    assert!(error.hint().contains("fetch that file again"));
}

#[test]
fn an_index_cannot_reach_out_of_its_folder() {
    for shard in ["../one.safetensors", "/etc/passwd", "..", "a/b", "a\\b"] {
        let folder = tempfile::tempdir().unwrap();
        let index = json!({"weight_map": {"a": shard}});
        fs::write(folder.path().join("model.safetensors.index.json"), index.to_string()).unwrap();
        let error = Checkpoint::open(folder.path()).unwrap_err();
        assert!(matches!(error, CheckpointError::ShardName { .. }), "{shard}: {error}");
    }
}

#[test]
fn a_tensor_that_its_shard_lacks_is_named() {
    let folder = tempfile::tempdir().unwrap();
    write_safetensors(&folder.path().join("one.safetensors"), &[], &[tensor("a", &[1], &[1.0])])
        .unwrap();
    let index = json!({"weight_map": {"a": "one.safetensors", "b": "one.safetensors"}});
    fs::write(folder.path().join("model.safetensors.index.json"), index.to_string()).unwrap();
    let error = Checkpoint::open(folder.path()).unwrap_err();
    assert!(matches!(&error, CheckpointError::NotInShard { tensor, .. } if tensor == "b"));
}

#[test]
fn weights_as_python_objects_are_recognised() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("pytorch_model.bin"), b"x").unwrap();
    let error = Checkpoint::open(folder.path()).unwrap_err();
    assert!(matches!(error, CheckpointError::NoWeights { pickled: true, .. }));
    assert!(error.hint().contains("safetensors"));
}

#[test]
fn a_file_that_is_cut_short_is_told_from_one_that_is_wrong() {
    let header = json!({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}});
    let error = fault_of(&header, &[0; 12]);
    let CheckpointError::CutShort { found, wanted, .. } = error else { panic!("{error}") };
    assert_eq!(wanted - found, 4);
}

#[test]
fn tensors_that_overlap_leave_gaps_or_do_not_fit_are_named() {
    let entry = |shape: u64, begin: u64, end: u64| json!({"dtype": "F32", "shape": [shape], "data_offsets": [begin, end]});
    let cases = [
        (json!({"a": entry(2, 0, 8), "b": entry(2, 4, 12)}), "`b` wrongly: bytes 4 to 12 overlap"),
        (
            json!({"a": entry(2, 0, 8), "b": entry(1, 12, 16)}),
            "`b` wrongly: bytes 12 to 16 leave a gap",
        ),
        (json!({"a": entry(3, 0, 8)}), "`a` wrongly: shape [3] of F32 does not fill bytes 0 to 8"),
        (json!({"a": entry(u64::MAX / 2, 0, 8)}), "is too large"),
        (json!({"a": entry(2, 0, 8)}), "it is the last, and 8 bytes follow"),
    ];
    for (header, wanted) in cases {
        let error = fault_of(&header, &[0; 16]).to_string();
        assert!(error.contains(wanted), "{error}");
    }
}

#[test]
fn a_header_longer_than_any_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    fs::write(&path, [&u64::MAX.to_le_bytes()[..], b"{}"].concat()).unwrap();
    let error = Checkpoint::open(folder.path()).unwrap_err();
    assert!(matches!(error, CheckpointError::HeaderSize { bytes: u64::MAX, .. }));
}
