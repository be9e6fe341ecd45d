//! Files that are no sound models: an error, never the end of the process.

use std::path::Path;

use serde_json::json;
use tribunal_api::{Question, SourceError};
use tribunal_models::import::WeightType;
use tribunal_models::tiny::{TinyFamily, TinyKind};

use crate::common::{Models, Random, block_on, number, score, source};

/// What a classifier says of its files when it opens.
fn opened(model: &Path, further: serde_json::Value) -> String {
    let source = source("llama.classifier", model, further);
    let error = block_on(source.open()).unwrap_err();
    assert!(matches!(error, SourceError::Broken { .. }), "{error}");
    let asked = score(&*source, &Question::of_text("a", &["b"])).unwrap_err();
    assert_eq!(asked.to_string(), error.to_string());
    error.to_string()
}

#[test]
fn files_that_are_wrong_are_named() {
    let models = Models::new();
    let good = models.tiny(TinyFamily::Llama, TinyKind::Classifier, WeightType::F32);
    let other = models.tiny(TinyFamily::Qwen3, TinyKind::Classifier, WeightType::F32);
    let causal = models.tiny(TinyFamily::Llama, TinyKind::Causal, WeightType::F32);
    let bytes = std::fs::read(&good).unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = models.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let head = good.with_file_name("llama-classifier-f32.head.safetensors");
    let with_head = || json!({ "head": head });

    let missing = opened(&models.path().join("none.gguf"), json!({}));
    assert!(missing.contains("none.gguf") && missing.contains("does not exist"), "{missing}");
    let folder = opened(&models.path().join("llama-classifier-f32.hf"), json!({}));
    assert!(folder.contains("tribunal model import"), "{folder}");
    let headless = opened(&causal, json!({}));
    assert!(headless.contains("llama-causal-f32.head.safetensors"), "{headless}");
    let cut = opened(&write("cut.gguf", &bytes[..bytes.len() - 100]), with_head());
    assert!(cut.contains("cut.gguf"), "{cut}");
    let header = opened(&write("header.gguf", &bytes[..300]), with_head());
    assert!(header.contains("header.gguf"), "{header}");
    let empty = opened(&write("empty.gguf", b""), with_head());
    assert!(empty.contains("empty.gguf"), "{empty}");
    let text = opened(&write("text.gguf", b"not a model at all, but a text"), with_head());
    assert!(text.contains("text.gguf"), "{text}");
    // Another architecture's name of the same length: its tensors are not there.
    let strange = replaced(&bytes, b"llama", b"zzzzz");
    let strange = opened(&write("strange.gguf", &strange), with_head());
    assert!(strange.contains("strange.gguf") && strange.contains("zzzzz"), "{strange}");
    let no_vocabulary = replaced(&bytes, b"tokenizer.ggml.tokens", b"tokenizer.ggml.nokens");
    let no_vocabulary = opened(&write("novocab.gguf", &no_vocabulary), with_head());
    assert!(no_vocabulary.contains("novocab.gguf"), "{no_vocabulary}");
    let no_template = replaced(&bytes, b"tokenizer.chat_template", b"tokenizer.bhat_template");
    let no_template = opened(&write("notemplate.gguf", &no_template), with_head());
    assert!(no_template.contains("template"), "{no_template}");

    let other_head = other.with_file_name("qwen3-classifier-f32.head.safetensors");
    let read = tribunal_models::head::Head::read(&other_head).unwrap();
    if read.width() != tribunal_models::head::Head::read(&head).unwrap().width() {
        let wrong = opened(&good, json!({ "head": other_head }));
        assert!(wrong.contains("hidden states"), "{wrong}");
    }
    let head_bytes = std::fs::read(&head).unwrap();
    let cut = opened(
        &good,
        json!({ "head": write("cut.safetensors", &head_bytes[..head_bytes.len() - 7]) }),
    );
    assert!(cut.contains("cut.safetensors"), "{cut}");
    let gone = opened(&good, json!({ "head": models.path().join("gone.safetensors") }));
    assert!(gone.contains("gone.safetensors"), "{gone}");

    // The sound one still works.
    let source = source("llama.classifier", &good, json!({}));
    assert!(number(&score(&*source, &Question::of_text("a", &["b"])).unwrap()).is_finite());
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut at = 0;
    while let Some(place) = bytes[at..].windows(from.len()).position(|window| window == from) {
        bytes[at + place..at + place + to.len()].copy_from_slice(to);
        at += place + to.len();
    }
    bytes
}

/// Bytes of headers are changed at random; most such files are refused, none ends the process.
#[test]
fn damaged_headers_end_nothing() {
    let models = Models::new();
    let good = models.tiny(TinyFamily::Qwen2, TinyKind::Classifier, WeightType::Q8_0);
    let bytes = std::fs::read(&good).unwrap();
    let head = good.with_file_name("qwen2-classifier-q8_0.head.safetensors");
    let path = models.path().join("damaged.gguf");
    let mut random = Random(11);
    let mut refused = 0;
    for _ in 0..60 {
        let mut damaged = bytes.clone();
        for _ in 0..1 + random.below(4) {
            let place = random.below(4000);
            damaged[place] = random.next() as u8;
        }
        std::fs::write(&path, &damaged).unwrap();
        let source = source("llama.classifier", &path, json!({ "head": head }));
        refused += usize::from(block_on(source.open()).is_err());
        block_on(source.close());
    }
    assert!(refused > 0);
}
