//! Importing whole folders.

use std::fs;
use std::path::{Path, PathBuf};

use crate::gguf::{Gguf, TensorType};
use crate::head::Head;
use crate::import::{Card, ImportOptions, ModelKind, WeightType, import};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/models");

fn options(weights: WeightType) -> ImportOptions {
    ImportOptions { weights, ..ImportOptions::default() }
}

/// A model beside the project, or nothing and a printed line.
fn trained(name: &str) -> Option<PathBuf> {
    let folder = Path::new(DATA).join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no model in {}", folder.display());
    None
}

#[test]
fn a_trained_classifier_becomes_a_gguf_file_a_head_and_a_card() {
    let Some(folder) = trained("tiny-qwen2-rm") else { return };
    let out = tempfile::tempdir().unwrap();
    let card = import(&folder, out.path(), &options(WeightType::F16), &mut |_| ()).unwrap();

    assert_eq!(card.parameters, 1_837_312);
    assert_eq!((card.kind, card.architecture.as_str()), (ModelKind::Reward, "qwen2"));
    assert_eq!(card.tokenizer.pre, "qwen2");
    assert_eq!(card.notes, [] as [String; 0]);
    let gguf = Gguf::read(&out.path().join("tiny-qwen2-rm.gguf")).unwrap();
    assert_eq!(gguf.of_architecture("context_length"), Some(16_384));
    assert_eq!(gguf.texts("tokenizer.ggml.tokens").unwrap().len(), 8192);
    assert!(gguf.tensors.iter().all(|tensor| tensor.name != "output.weight"));
    let kind = |name: &str| gguf.tensors.iter().find(|tensor| tensor.name == name).unwrap().kind;
    assert_eq!(kind("blk.0.attn_q.weight"), TensorType::F16);
    assert_eq!(kind("blk.0.attn_q.bias"), TensorType::F32);
    let head = Head::read(&out.path().join("tiny-qwen2-rm.head.safetensors")).unwrap();
    assert_eq!(head.width(), 128);
    let read = Card::read(&out.path().join("tiny-qwen2-rm.card.json")).unwrap().unwrap();
    assert_eq!(read, card);
}

#[test]
fn all_trained_models_are_imported_in_every_type() {
    for name in ["tiny-qwen2-rm", "tiny-llama-rm", "tiny-qwen3-judge"] {
        let Some(folder) = trained(name) else { return };
        for weights in [WeightType::F32, WeightType::F16, WeightType::Q8_0, WeightType::Q4_0] {
            let out = tempfile::tempdir().unwrap();
            let card = import(&folder, out.path(), &options(weights), &mut |_| ()).unwrap();
            let path = out.path().join(format!("{name}.gguf"));
            assert_eq!(Gguf::read(&path).unwrap().bytes, card.outputs[0].bytes);
            let digest = blake3::hash(&fs::read(&path).unwrap()).to_hex().to_string();
            assert_eq!(digest, card.outputs[0].blake3);
            assert_eq!(card.kind == ModelKind::Causal, name == "tiny-qwen3-judge");
        }
    }
}
