//! Small random models of every family: made alike everywhere, imported, asked what they are.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Checkpoint;
use crate::checkpoint::{SidecarTensor, write_safetensors};
use crate::gguf::{Array, Gguf, TensorType, Value as GgufValue};
use crate::head::{Activation, Combine, Head, PromptEnd, ReadAt};
use crate::import::{Card, ImportError, ImportOptions, Labels, WeightType, import};
use crate::info::{Form, digest, info};
use crate::text_rules::{Normalizer, TextRules};
use crate::tiny::{FAMILIES, TinyFamily, TinyKind, make_tiny};

pub(super) fn tiny(family: TinyFamily, kind: TinyKind) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    make_tiny(family, kind, 7, folder.path()).unwrap();
    folder
}

pub(super) fn options() -> ImportOptions {
    ImportOptions {
        name: Some("m".to_owned()),
        weights: WeightType::F32,
        ..ImportOptions::default()
    }
}

pub(super) fn imported(
    folder: &Path,
    options: &ImportOptions,
) -> Result<(Card, TempDir), ImportError> {
    let out = tempfile::tempdir().unwrap();
    let card = import(folder, out.path(), options, &mut |_| ())?;
    Ok((card, out))
}

/// Changes a JSON file of a folder.
pub(super) fn change(folder: &Path, file: &str, change: impl FnOnce(&mut Value)) {
    let path = folder.join(file);
    let mut value: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut value);
    fs::write(&path, value.to_string()).unwrap();
}

/// Changes the tensors of a folder.
pub(super) fn rewrite(folder: &Path, mut change: impl FnMut(&mut SidecarTensor)) {
    let stored = Checkpoint::open(folder).unwrap();
    let mut tensors: Vec<SidecarTensor> = stored
        .tensors()
        .map(|(name, tensor)| SidecarTensor {
            name: name.to_owned(),
            shape: tensor.shape.clone(),
            values: stored.read_all(name).unwrap(),
        })
        .collect();
    tensors.iter_mut().for_each(&mut change);
    write_safetensors(&folder.join("model.safetensors"), &[], &tensors).unwrap();
}

/// The numbers of an F32 tensor of a GGUF file.
fn numbers(out: &Path, name: &str) -> Vec<f32> {
    let path = out.join("m.gguf");
    let gguf = Gguf::read(&path).unwrap();
    let tensor = gguf.tensors.iter().find(|tensor| tensor.name == name).unwrap();
    assert_eq!(tensor.kind, TensorType::F32);
    let bytes = fs::read(path).unwrap();
    let bytes = &bytes[tensor.start as usize..][..tensor.count() as usize * 4];
    bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect()
}

#[test]
fn the_same_seed_makes_the_same_files() {
    // The digest was taken once; a change of it changes every expectation that was made with such models.
    let digests: Vec<String> = [7, 7, 8]
        .map(|seed| {
            let folder = tempfile::tempdir().unwrap();
            make_tiny(TinyFamily::Qwen2, TinyKind::Classifier, seed, folder.path()).unwrap();
            digest(&folder.path().join("model.safetensors"), &mut |_| ()).unwrap()
        })
        .to_vec();
    assert_eq!(digests[0], digests[1]);
    assert_ne!(digests[0], digests[2]);
    assert_eq!(digests[0][..16], *"51811be1c16f0e0b");
}

#[test]
fn every_family_is_imported_with_every_head() {
    for family in FAMILIES {
        for kind in [
            TinyKind::Causal,
            TinyKind::Judge,
            TinyKind::Classifier,
            TinyKind::Labels,
            TinyKind::Layers,
            TinyKind::Gated,
        ] {
            let causal = matches!(kind, TinyKind::Causal | TinyKind::Judge);
            let folder = tiny(family, kind);
            let options = ImportOptions { labels: Some(Labels::Index(2)), ..options() };
            let options = if kind == TinyKind::Labels {
                options
            } else {
                ImportOptions { labels: None, ..options }
            };
            let (card, out) = imported(folder.path(), &options).unwrap();
            assert_eq!(card.head.is_some(), !causal, "{family:?} {kind:?}");
            assert_eq!(card.outputs.len(), if causal { 1 } else { 2 });
            if !causal {
                let head = Head::read(&out.path().join("m.head.safetensors")).unwrap();
                assert_eq!(head.wants_prompt_end(), kind == TinyKind::Gated);
                assert_eq!(Some(head.description()), card.head.as_ref());
            }
            let stored = Checkpoint::open(folder.path()).unwrap();
            let numbers: u64 = stored.tensors().map(|(_, tensor)| tensor.count()).sum();
            assert_eq!(card.parameters, numbers);
        }
    }
}

#[test]
fn rows_of_queries_and_keys_change_places_for_llama_alone() {
    // Heads are 16 wide: row 1 of a head in the GGUF file is row 8 of the checkpoint, row 2 is row 1, row 16 begins the next head.
    let folder = tiny(TinyFamily::Llama, TinyKind::Classifier);
    let stored = Checkpoint::open(folder.path()).unwrap();
    let (_, out) = imported(folder.path(), &options()).unwrap();
    for part in ["q", "k"] {
        let source =
            stored.read_all(&format!("model.layers.1.self_attn.{part}_proj.weight")).unwrap();
        let target = numbers(out.path(), &format!("blk.1.attn_{part}.weight"));
        let row = |values: &[f32], row: usize| values[row * 64..(row + 1) * 64].to_vec();
        for (to, from) in [(0, 0), (1, 8), (2, 1), (3, 9), (15, 15), (16, 16), (17, 24)] {
            assert_eq!(row(&target, to), row(&source, from), "row {to} of {part}");
        }
    }
    let values = stored.read_all("model.layers.1.self_attn.v_proj.weight").unwrap();
    assert_eq!(numbers(out.path(), "blk.1.attn_v.weight"), values);

    let folder = tiny(TinyFamily::Qwen2, TinyKind::Classifier);
    let stored = Checkpoint::open(folder.path()).unwrap();
    let (_, out) = imported(folder.path(), &options()).unwrap();
    let queries = stored.read_all("model.layers.1.self_attn.q_proj.weight").unwrap();
    assert_eq!(numbers(out.path(), "blk.1.attn_q.weight"), queries);
}

#[test]
fn packed_matrices_of_internlm2_come_apart() {
    // Four heads, two of keys and values, 16 rows each: head 0, head 1, keys 0, values 0, head 2, head 3, keys 1, values 1.
    let folder = tiny(TinyFamily::Internlm2, TinyKind::Classifier);
    let stored = Checkpoint::open(folder.path()).unwrap();
    let (card, out) = imported(folder.path(), &options()).unwrap();
    let packed = stored.read_all("model.layers.0.attention.wqkv.weight").unwrap();
    let row = |values: &[f32], row: usize| values[row * 64..(row + 1) * 64].to_vec();
    let queries = numbers(out.path(), "blk.0.attn_q.weight");
    assert_eq!(row(&queries, 32), row(&packed, 64));
    assert_eq!(row(&queries, 33), row(&packed, 64 + 8));
    let keys = numbers(out.path(), "blk.0.attn_k.weight");
    assert_eq!(row(&keys, 0), row(&packed, 32));
    assert_eq!(row(&keys, 17), row(&packed, 96 + 8));
    let values = numbers(out.path(), "blk.0.attn_v.weight");
    assert_eq!(row(&values, 1), row(&packed, 48 + 1));
    assert_eq!(row(&values, 31), row(&packed, 112 + 15));
    let reward = card.head.unwrap();
    let ReadAt::AppendedToken { id } = reward.read_at else { panic!("{reward:?}") };
    let gguf = Gguf::read(&out.path().join("m.gguf")).unwrap();
    assert_eq!(gguf.texts("tokenizer.ggml.tokens").unwrap()[id as usize], "<|reward|>");
    assert_eq!(gguf.architecture(), Some("llama"));
}

#[test]
fn norms_of_gemma_get_their_one_and_queries_their_scale() {
    let folder = tiny(TinyFamily::Gemma2, TinyKind::Classifier);
    let stored = Checkpoint::open(folder.path()).unwrap();
    let (card, out) = imported(folder.path(), &options()).unwrap();
    let norm = stored.read_all("model.layers.0.pre_feedforward_layernorm.weight").unwrap();
    let wanted: Vec<f32> = norm.iter().map(|value| value + 1.0).collect();
    assert_eq!(numbers(out.path(), "blk.0.ffn_norm.weight"), wanted);
    // llama.cpp divides by the root of 32, the model by the root of 16.
    let queries = stored.read_all("model.layers.0.self_attn.q_proj.weight").unwrap();
    let scaled = numbers(out.path(), "blk.0.attn_q.weight");
    assert!((scaled[5] / queries[5] - 2f32.sqrt()).abs() < 1e-6);
    assert!(card.notes.iter().any(|note| note.starts_with("queries are multiplied by 1.414")));
    let gguf = Gguf::read(&out.path().join("m.gguf")).unwrap();
    assert_eq!(gguf.of_architecture("attention.sliding_window"), Some(32));
    assert_eq!(gguf.value("gemma2.attn_logit_softcapping"), Some(&GgufValue::F32(5.0)));
}

#[test]
fn a_window_that_llama_cpp_lacks_cuts_the_longest_text() {
    let folder = tiny(TinyFamily::Mistral, TinyKind::Classifier);
    let (card, _out) = imported(folder.path(), &options()).unwrap();
    assert_eq!(card.context, 256);
    assert!(card.notes[0].starts_with("the model looks back 256 tokens"));
}

#[test]
fn rows_that_do_not_fill_blocks_become_f16_and_the_card_says_so() {
    let folder = tiny(TinyFamily::Mistral, TinyKind::Classifier);
    let options = ImportOptions { weights: WeightType::Q4_0, ..options() };
    let (card, out) = imported(folder.path(), &options).unwrap();
    let gguf = Gguf::read(&out.path().join("m.gguf")).unwrap();
    let kind = |name: &str| gguf.tensors.iter().find(|tensor| tensor.name == name).unwrap().kind;
    assert_eq!(kind("blk.0.ffn_down.weight"), TensorType::F16);
    assert_eq!(kind("blk.0.ffn_up.weight"), TensorType::Q4_0);
    assert_eq!(kind("blk.0.ffn_norm.weight"), TensorType::F32);
    let note = card.notes.last().unwrap();
    assert!(card.notes.iter().any(|note| note.starts_with("2 tensors are F16")), "{note}");
    assert_eq!(card.tensors["F16"], 2);
}

#[test]
fn the_embedding_is_finer_with_q4_0_only_where_it_is_the_output() {
    for (family, kind, wanted) in [
        (TinyFamily::Qwen3, TinyKind::Causal, TensorType::Q8_0),
        (TinyFamily::Qwen3, TinyKind::Classifier, TensorType::Q4_0),
        (TinyFamily::Llama, TinyKind::Causal, TensorType::Q4_0),
        (TinyFamily::Llama, TinyKind::Classifier, TensorType::Q4_0),
    ] {
        let folder = tiny(family, kind);
        let options = ImportOptions { weights: WeightType::Q4_0, ..options() };
        let (_, out) = imported(folder.path(), &options).unwrap();
        let gguf = Gguf::read(&out.path().join("m.gguf")).unwrap();
        let of = |name: &str| gguf.tensors.iter().find(|each| each.name == name).map(|it| it.kind);
        assert_eq!(of("token_embd.weight"), Some(wanted), "{family:?} {kind:?}");
        assert!(of("output.weight").is_none_or(|kind| kind == TensorType::Q8_0));
    }
}

#[test]
fn scaled_positions_of_llama_3_are_a_tensor() {
    let folder = tiny(TinyFamily::Llama, TinyKind::Classifier);
    let (_, out) = imported(folder.path(), &options()).unwrap();
    let divisors = numbers(out.path(), "rope_freqs.weight");
    assert_eq!(divisors.len(), 8);
    assert_eq!((divisors[0], divisors[7]), (1.0, 8.0));
}

#[test]
fn a_gate_reads_where_the_last_question_ends() {
    let folder = tiny(TinyFamily::Llama, TinyKind::Gated);
    let (card, out) = imported(folder.path(), &options()).unwrap();
    let Combine::Gate(gate) = card.head.unwrap().combine else { panic!("no gate") };
    assert_eq!((gate.temperature, gate.layers.len()), (10.0, 2));
    assert_eq!(gate.layers[0].activation, Activation::Relu);
    let PromptEnd::Pattern { tokens } = gate.prompt_end else { panic!("no pattern") };
    let gguf = Gguf::read(&out.path().join("m.gguf")).unwrap();
    let texts = gguf.texts("tokenizer.ggml.tokens").unwrap();
    let texts: Vec<&str> = tokens.iter().map(|id| texts[*id as usize].as_str()).collect();
    assert_eq!(
        texts,
        ["<|eot_id|>", "<|start_header_id|>", "assistant", "<|end_header_id|>", "ĊĊ"]
    );
}

#[test]
fn rows_without_a_token_are_unused_and_texts_are_composed() {
    let folder = tiny(TinyFamily::Qwen2, TinyKind::Classifier);
    let (card, out) = imported(folder.path(), &options()).unwrap();
    let gguf = Gguf::read(&out.path().join("m.gguf")).unwrap();
    let tokens = gguf.texts("tokenizer.ggml.tokens").unwrap();
    let Some(GgufValue::Array(Array::I32(types))) = gguf.value("tokenizer.ggml.token_type") else {
        panic!()
    };
    let pad = tokens.iter().position(|token| token == "[PAD0]").unwrap();
    assert_eq!((types[pad], tokens.len()), (5, 384));
    assert_eq!(card.tokenizer.normalizer, Normalizer::Nfc);
    let rules = TextRules::of(&gguf).unwrap();
    assert_eq!(rules.apply("e\u{301}<|im_end|>"), "\u{e9}<|im_end|>");
}

#[test]
fn a_cost_counts_the_other_way() {
    let folder = tiny(TinyFamily::Llama, TinyKind::Classifier);
    let (card, _out) = imported(folder.path(), &ImportOptions { cost: true, ..options() }).unwrap();
    assert_eq!(card.head.unwrap().factor, -1.0);
}

#[test]
fn old_merges_are_texts_and_mean_the_same() {
    let folder = tiny(TinyFamily::Llama, TinyKind::Classifier);
    let merges = |out: &Path| {
        Gguf::read(&out.join("m.gguf")).unwrap().texts("tokenizer.ggml.merges").unwrap().to_vec()
    };
    let (_, out) = imported(folder.path(), &options()).unwrap();
    let pairs = merges(out.path());
    change(folder.path(), "tokenizer.json", |file| {
        let texts = file["model"]["merges"].as_array().unwrap().iter();
        let texts = texts
            .map(|pair| format!("{} {}", pair[0].as_str().unwrap(), pair[1].as_str().unwrap()));
        file["model"]["merges"] = texts.collect::<Vec<String>>().into();
    });
    let (_, out) = imported(folder.path(), &options()).unwrap();
    assert_eq!(merges(out.path()), pairs);
}

#[test]
fn pieces_are_scored_by_the_place_of_their_merge() {
    let folder = tiny(TinyFamily::Gemma2, TinyKind::Causal);
    let (_, out) = imported(folder.path(), &options()).unwrap();
    let gguf = Gguf::read(&out.path().join("m.gguf")).unwrap();
    let tokens = gguf.texts("tokenizer.ggml.tokens").unwrap();
    let Some(GgufValue::Array(Array::F32(scores))) = gguf.value("tokenizer.ggml.scores") else {
        panic!()
    };
    let Some(GgufValue::Array(Array::I32(types))) = gguf.value("tokenizer.ggml.token_type") else {
        panic!()
    };
    let of = |text: &str| tokens.iter().position(|token| token == text).unwrap();
    assert_eq!(scores[of("\u{2581}Y")], 0.0);
    assert!(scores[of("\u{2581}Ye")] > scores[of("\u{2581}Yes")]);
    assert_eq!(
        [types[of("<0x0A>")], types[of("<unk>")], types[of("<bos>")], types[of("a")]],
        [6, 2, 3, 1]
    );
    assert_eq!(gguf.truth("tokenizer.ggml.add_space_prefix"), Some(false));
    assert_eq!(gguf.whole("tokenizer.ggml.eot_token_id"), Some(of("<end_of_turn>") as u64));
}

#[test]
fn wrapped_models_are_found_behind_their_prefix() {
    let folder = tiny(TinyFamily::Qwen2, TinyKind::Classifier);
    rewrite(folder.path(), |tensor| {
        if tensor.name.starts_with("model.") {
            tensor.name = format!("wrapped.{}", tensor.name);
        }
    });
    imported(folder.path(), &options()).unwrap();
}

#[test]
fn athene_reads_a_token_that_is_put_behind_the_text() {
    let folder = tiny(TinyFamily::Llama, TinyKind::Classifier);
    rewrite(folder.path(), |tensor| match tensor.name.as_str() {
        "score.weight" => tensor.name = "v_head.weight".to_owned(),
        "model.embed_tokens.weight" => {
            tensor.shape[0] = 128_256;
            tensor.values.resize(128_256 * 64, 0.0);
        }
        _ => {}
    });
    for (class, id, token, note) in [
        ("AtheneForSequenceClassification", 128_003, "", false),
        ("CustomAutoModelForSequenceClassification", 128_003, "<|reserved_special_token_1|>", true),
        ("CustomAutoModelForSequenceClassification", 350, "<|other|>", true),
    ] {
        change(folder.path(), "config.json", |config| {
            config["architectures"] = json!([class]);
            config["vocab_size"] = json!(128_256);
        });
        change(folder.path(), "tokenizer.json", |file| {
            let added = file["added_tokens"].as_array_mut().unwrap();
            added.retain(|each| each["id"] != 128_003);
            added.push(json!({"id": 128_003, "content": token, "special": true}));
        });
        let (card, _out) = imported(folder.path(), &options()).unwrap();
        let wanted = match id {
            128_003 => ReadAt::AppendedToken { id },
            padding => ReadAt::LastBeforePadding { padding },
        };
        assert_eq!(card.head.unwrap().read_at, wanted, "{class}");
        let noted = card.notes.iter().any(|note| note.starts_with("where the head is read"));
        assert_eq!(noted, note, "{class}: {:?}", card.notes);
    }
}

#[test]
fn the_place_of_a_head_of_an_unknown_class_is_noted_as_assumed() {
    let folder = tiny(TinyFamily::Llama, TinyKind::Classifier);
    for (class, noted) in [
        ("LlamaForSequenceClassification", false),
        ("Qwen2ForRewardModel", false),
        ("LlamaForRewardModelWithGating", false),
        ("LlamaForRewardModel", true),
        ("OwnForSequenceClassification", true),
    ] {
        change(folder.path(), "config.json", |config| config["architectures"] = json!([class]));
        let (card, _out) = imported(folder.path(), &options()).unwrap();
        let note = format!(
            "where the head is read is assumed, because the code of the class `{class}` is not known; `--head` says otherwise"
        );
        assert_eq!(card.notes.contains(&note), noted, "{:?}", card.notes);
    }
    change(folder.path(), "config.json", |config| config["reward_token_id"] = json!(5));
    let (card, _out) = imported(folder.path(), &options()).unwrap();
    assert!(card.notes.iter().all(|note| !note.contains("assumed")), "{:?}", card.notes);
}

#[test]
fn a_template_that_is_alone_is_the_default_and_none_is_written_twice() {
    let folder = tiny(TinyFamily::Qwen2, TinyKind::Causal);
    let one = |name: &str, text: &str| json!({"name": name, "template": text});
    for (list, wanted) in [
        (json!([one("rag", "a")]), [("", "a"), (".rag", "a")]),
        (json!([one("rag", "a"), one("rag", "b")]), [("", "b"), (".rag", "b")]),
        (
            json!([one("rag", "a"), one("default", "c"), one("rag", "b")]),
            [(".rag", "b"), ("", "c")],
        ),
        (json!([one("rag", "a"), one("tool", "b")]), [(".rag", "a"), (".tool", "b")]),
    ] {
        change(folder.path(), "tokenizer_config.json", |settings| settings["chat_template"] = list);
        let (card, out) = imported(folder.path(), &options()).unwrap();
        let gguf = Gguf::read(&out.path().join("m.gguf")).unwrap();
        let keys = gguf.metadata.iter().filter_map(|(key, _)| {
            Some((key.strip_prefix("tokenizer.chat_template")?, gguf.text(key)?))
        });
        assert_eq!(keys.collect::<Vec<_>>(), wanted);
        assert_eq!(card.chat_template.is_some(), wanted[0].0.is_empty() || wanted[1].0.is_empty());
    }
}

#[test]
fn templates_in_files_of_their_own_are_among_the_inputs() {
    let folder = tiny(TinyFamily::Qwen2, TinyKind::Causal);
    fs::create_dir(folder.path().join("additional_chat_templates")).unwrap();
    fs::write(folder.path().join("chat_template.jinja"), "a").unwrap();
    fs::write(folder.path().join("additional_chat_templates/rag.jinja"), "b").unwrap();
    let (card, _out) = imported(folder.path(), &options()).unwrap();
    let named = |name: &str| card.inputs.iter().filter(|input| input.file == name).count();
    let wanted = ["chat_template.jinja", "rag.jinja", "tokenizer_config.json"];
    assert_eq!(wanted.map(named), [1, 1, 1], "{:?}", card.inputs);
}

#[test]
fn progress_ends_where_it_says() {
    let folder = tiny(TinyFamily::Qwen2, TinyKind::Classifier);
    let out = tempfile::tempdir().unwrap();
    let mut last = Vec::new();
    import(folder.path(), out.path(), &options(), &mut |progress| {
        last.retain(|(step, _, _)| *step != progress.step);
        last.push((progress.step, progress.done, progress.total));
    })
    .unwrap();
    assert_eq!(last.len(), 2);
    assert!(last.iter().all(|(_, done, total)| done == total), "{last:?}");
}

#[test]
fn files_and_folders_say_what_they_are() {
    let folder = tiny(TinyFamily::Qwen3, TinyKind::Classifier);
    let (card, out) = imported(folder.path(), &options()).unwrap();
    let gguf = info(&out.path().join("m.gguf")).unwrap();
    assert_eq!((gguf.form, gguf.architecture.as_deref()), (Form::Gguf, Some("qwen3")));
    assert_eq!((gguf.context, gguf.hidden, gguf.template), (Some(512), Some(64), true));
    assert!(gguf.head.is_some() && gguf.card.is_some());
    assert_eq!(gguf.tensors, card.tensors);
    let whole = info(folder.path()).unwrap();
    assert_eq!(
        (whole.form, whole.class.as_deref()),
        (Form::Folder, Some("Qwen3ForSequenceClassification"))
    );
    assert_eq!(whole.parameters, card.parameters);
    assert_eq!(whole.parameters, gguf.parameters + 64);
    assert!(whole.template && whole.head.is_none());
    assert_eq!(digest(&out.path().join("m.gguf"), &mut |_| ()).unwrap(), card.outputs[0].blake3);
}
