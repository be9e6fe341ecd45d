//! What is said about models that cannot be imported, and what they need so that they can.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::tinies::{change, imported, options, rewrite, tiny};
use crate::head::{Activation, Combine, PromptEnd};
use crate::import::{ImportError, ImportOptions, Labels, Outputs, Step, WeightType, import};
use crate::tiny::{TinyFamily, TinyKind};
use crate::vocabulary::Vocabulary;

fn refused(folder: &Path) -> ImportError {
    let out = tempfile::tempdir().unwrap();
    let error = import(folder, out.path(), &options(), &mut |_| ()).unwrap_err();
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0, "nothing is left behind");
    error
}

#[test]
fn several_labels_need_a_word_on_how_they_become_one() {
    let folder = tiny(TinyFamily::Qwen3, TinyKind::Labels);
    let error = refused(folder.path());
    assert!(error.to_string().ends_with(
        "has 3 labels (helpful, correct, verbose), and nothing says how they become one score"
    ));
    let options = ImportOptions { labels: Some(Labels::Index(3)), ..options() };
    let error = imported(folder.path(), &options).unwrap_err();
    assert!(error.to_string().contains("reads objective 3 of 3"), "{error}");
}

#[test]
fn layers_of_a_class_that_is_not_known_need_their_activation() {
    let folder = tiny(TinyFamily::Qwen3, TinyKind::Layers);
    change(folder.path(), "config.json", |config| {
        config["architectures"] = json!(["SomeRewardModel"])
    });
    assert!(matches!(refused(folder.path()), ImportError::NoHead { .. }));
    let options = ImportOptions { activation: Some(Activation::Silu), ..options() };
    let (card, _out) = imported(folder.path(), &options).unwrap();
    assert_eq!(card.head.unwrap().layers[0].activation, Activation::Silu);
}

#[test]
fn options_without_a_meaning_are_refused() {
    let labels = || ImportOptions { labels: Some(Labels::Index(0)), ..options() };
    let cost = || ImportOptions { cost: true, ..options() };
    let activation = || ImportOptions { activation: Some(Activation::Relu), ..options() };
    let end = || ImportOptions { prompt_end: Some(PromptEnd::Prompt), ..options() };
    for (kind, options, wanted) in [
        (
            TinyKind::Causal,
            cost(),
            "that less is better cannot be given for the `Qwen3ForCausalLM`",
        ),
        (TinyKind::Causal, labels(), "it has no head"),
        (TinyKind::Classifier, activation(), "its head is one linear layer"),
        (TinyKind::Classifier, end(), "its head is one linear layer"),
        (TinyKind::Layers, end(), "its head has no gate"),
        (TinyKind::Gated, labels(), "its head has a gate"),
    ] {
        let folder = tiny(TinyFamily::Qwen3, kind);
        let error = imported(folder.path(), &options).unwrap_err();
        assert!(error.to_string().contains(wanted), "{error}");
    }
}

#[test]
fn a_head_that_does_not_fit_is_refused_before_weights_are_read() {
    let folder = tiny(TinyFamily::Qwen3, TinyKind::Labels);
    let (card, _out) =
        imported(folder.path(), &ImportOptions { labels: Some(Labels::Index(0)), ..options() })
            .unwrap();
    let mut narrow = card.head.unwrap();
    narrow.hidden = 32;
    narrow.objectives = (0..6).map(|index| index.to_string()).collect();
    rewrite(folder.path(), |tensor| {
        if tensor.name == "score.weight" {
            tensor.shape = vec![6, 32];
        }
    });
    let labels = |labels| ImportOptions { labels: Some(labels), ..options() };
    for (options, wanted) in [
        (ImportOptions { head: Some(narrow), ..options() }, "of 32, and the model has 64"),
        (labels(Labels::Index(0)), "has the shape [6, 32]; the head needs [6, 64]"),
        (labels(Labels::Index(6)), "reads objective 6 of 6"),
        (labels(Labels::Weights(vec![1.0])), "1 weights for 6 objectives"),
    ] {
        let out = tempfile::tempdir().unwrap();
        let out = out.path().join("out");
        let error = import(folder.path(), &out, &options, &mut |progress| panic!("{progress:?}"));
        let error = error.unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
        assert!(!out.exists());
    }
}

#[test]
fn a_model_that_cannot_be_placed_keeps_its_head() {
    for kind in [TinyKind::Classifier, TinyKind::Causal] {
        let folder = tiny(TinyFamily::Qwen2, kind);
        let out = tempfile::tempdir().unwrap();
        let paths = Outputs::of(folder.path(), out.path(), &options()).unwrap();
        // No file can take the place of a folder.
        fs::create_dir(&paths.gguf).unwrap();
        fs::write(&paths.head, "an older head").unwrap();
        let error = import(folder.path(), out.path(), &options(), &mut |_| ()).unwrap_err();
        assert!(error.to_string().starts_with("cannot write `"), "{error}");
        assert_eq!(fs::read(&paths.head).unwrap(), b"an older head");
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 2);
    }
}

#[test]
fn an_embedding_beyond_all_vocabularies_is_an_error() {
    let folder = tiny(TinyFamily::Qwen2, TinyKind::Classifier);
    let config = serde_json::Map::new();
    for rows in [(1 << 24) + 1, usize::MAX] {
        let error = Vocabulary::read(folder.path(), rows, &config).unwrap_err();
        assert!(
            error.to_string().ends_with(&format!("has {rows} rows; at most 16777216 are read"))
        );
    }
}

#[test]
fn weights_that_are_no_numbers_are_told_from_large_ones() {
    for (value, wanted) in [
        (f32::NAN, "fetch the model's weights again: this checkpoint is damaged"),
        (f32::INFINITY, "fetch the model's weights again: this checkpoint is damaged"),
        (70_000.0, "import with weights of the type F32"),
    ] {
        let folder = tiny(TinyFamily::Qwen2, TinyKind::Classifier);
        rewrite(folder.path(), |tensor| {
            if tensor.name == "model.layers.0.mlp.up_proj.weight" {
                tensor.values[9] = value;
            }
        });
        let options = ImportOptions { weights: WeightType::F16, ..options() };
        let error = imported(folder.path(), &options).unwrap_err();
        assert!(matches!(error, ImportError::Unfit { .. }), "{error}");
        assert_eq!(error.hint(), wanted);
    }
}

#[test]
fn an_import_that_is_stopped_leaves_what_was_there() {
    let folder = tiny(TinyFamily::Qwen2, TinyKind::Classifier);
    for step in [Step::Digest, Step::Convert] {
        let out = tempfile::tempdir().unwrap();
        fs::write(out.path().join("m.gguf"), "an older file").unwrap();
        let options = options();
        let stop = Arc::clone(&options.stop);
        let error = import(folder.path(), out.path(), &options, &mut |progress| {
            stop.store(progress.step == step, Ordering::Relaxed);
        });
        assert!(matches!(error, Err(ImportError::Stopped)), "{error:?}");
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 1);
        assert_eq!(fs::read(out.path().join("m.gguf")).unwrap(), b"an older file");
    }
}

#[test]
fn a_model_without_a_head_keeps_none_of_an_earlier_one() {
    let out = tempfile::tempdir().unwrap();
    let paths = Outputs::of(Path::new("any"), out.path(), &options()).unwrap();
    for (kind, wanted) in [(TinyKind::Classifier, true), (TinyKind::Causal, false)] {
        let folder = tiny(TinyFamily::Qwen2, kind);
        import(folder.path(), out.path(), &options(), &mut |_| ()).unwrap();
        assert!(paths.gguf.is_file() && paths.card.is_file());
        assert_eq!(paths.head.is_file(), wanted);
    }
}

#[test]
fn a_described_head_is_taken_as_it_is() {
    let folder = tiny(TinyFamily::Qwen3, TinyKind::Gated);
    let (card, _out) = imported(folder.path(), &options()).unwrap();
    let mut head = card.head.unwrap();
    head.combine = Combine::Index(1);
    let options = ImportOptions { head: Some(head), ..options() };
    // The gate's tensors belong to nothing now.
    let error = imported(folder.path(), &options).unwrap_err();
    assert!(error.to_string().contains("`gating.layers.0.bias`"), "{error}");
}

#[test]
fn what_cannot_be_converted_is_named() {
    type Change = fn(&mut Value);
    let cases: [(TinyFamily, Change, &str); 9] = [
        (
            TinyFamily::Llama,
            |c| c["model_type"] = json!("mamba"),
            "is of the type `mamba` (class `LlamaForSequenceClassification`)",
        ),
        (TinyFamily::Llama, |c| c["hidden_act"] = json!("gelu"), "`hidden_act` in "),
        (
            TinyFamily::Llama,
            |c| c["num_hidden_layers"] = json!(4),
            "lacks the tensors `model.layers.3.input_layernorm.weight`, ",
        ),
        (
            TinyFamily::Llama,
            |c| c["num_hidden_layers"] = json!(2),
            "holds the tensors `model.layers.2.input_layernorm.weight`, ",
        ),
        (
            TinyFamily::Llama,
            |c| c["intermediate_size"] = json!(161),
            "`model.layers.0.mlp.gate_proj.weight` in ",
        ),
        (
            TinyFamily::Qwen2,
            |c| c["rope_parameters"] = json!({"rope_type": "longrope"}),
            "`rope_parameters` in ",
        ),
        (
            TinyFamily::Qwen2,
            |c| c["quantization_config"] = json!({"bits": 4}),
            "`quantization_config` in ",
        ),
        (TinyFamily::Qwen2, |c| c["num_attention_heads"] = json!(0), "`num_attention_heads` in "),
        (
            TinyFamily::Gemma2,
            |c| c["attn_logit_softcapping"] = Value::Null,
            "`attn_logit_softcapping` in ",
        ),
    ];
    for (family, edit, wanted) in cases {
        let folder = tiny(family, TinyKind::Classifier);
        change(folder.path(), "config.json", edit);
        let error = refused(folder.path());
        assert!(error.to_string().contains(wanted), "{error}");
        assert!(!error.hint().is_empty());
    }
}

#[test]
fn steps_of_tokenizers_that_llama_cpp_lacks_are_named() {
    type Change = fn(&mut Value);
    let cases: [(TinyFamily, Change, &str); 7] = [
        (
            TinyFamily::Qwen2,
            |t| t["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = json!(r"\w+"),
            r"a pattern that llama.cpp does not know: `\w+`",
        ),
        (
            TinyFamily::Qwen2,
            |t| t["normalizer"] = json!({"type": "Lowercase"}),
            "a step that changes texts",
        ),
        (
            TinyFamily::Qwen2,
            |t| t["model"]["type"] = json!("Unigram"),
            "a model of another kind than BPE",
        ),
        (
            TinyFamily::Qwen2,
            |t| t["model"]["merges"][0] = json!(["a b", "c"]),
            "a merge that is no pair",
        ),
        (
            TinyFamily::Mistral,
            |t| t["model"]["byte_fallback"] = json!(false),
            "pieces without tokens for single bytes",
        ),
        (TinyFamily::Mistral, |t| t["model"]["merges"][0] = json!(["q", "q"]), "has no token `qq`"),
        (
            TinyFamily::Mistral,
            |t| t["normalizer"] = Value::Null,
            "pieces in which spaces are spaces",
        ),
    ];
    for (family, edit, wanted) in cases {
        let folder = tiny(family, TinyKind::Classifier);
        change(folder.path(), "tokenizer.json", edit);
        let error = refused(folder.path());
        assert!(error.to_string().contains(wanted), "{error}");
    }
}

#[test]
fn names_that_are_paths_are_refused() {
    let folder = tiny(TinyFamily::Qwen2, TinyKind::Classifier);
    for name in ["../m", "a/b", "", ".m"] {
        let options = ImportOptions { name: Some(name.to_owned()), ..options() };
        assert!(matches!(imported(folder.path(), &options), Err(ImportError::Name { .. })));
    }
}
