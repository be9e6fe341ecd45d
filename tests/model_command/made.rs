//! Tiny models: made alike, imported at every type, shown.

use std::time::{Duration, Instant};

use super::{FAMILIES, KINDS, contents, digest, make};
use crate::program::{Program, root};

/// Digests are compared elsewhere; here they would hide what else changes.
fn without_digests(text: &str) -> String {
    let words = text.split_inclusive(char::is_whitespace).map(|word| {
        let bare = word.trim_end();
        let digest = bare.len() == 64 && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
        if digest { word.replace(bare, "[digest]") } else { word.to_owned() }
    });
    words.collect()
}

#[test]
fn the_same_seed_makes_the_same_bytes_in_under_a_second() {
    let program = Program::new();
    for family in FAMILIES {
        for kind in KINDS {
            let mut fastest = Duration::MAX;
            let made: Vec<_> = ["a", "b", "c"]
                .iter()
                .zip(["3", "3", "4"])
                .map(|(name, seed)| {
                    let folder = format!("{family}-{kind}-{name}");
                    let started = Instant::now();
                    make(&program, &folder, &["--family", family, "--kind", kind, "--seed", seed]);
                    fastest = fastest.min(started.elapsed());
                    contents(&program.folder().join(folder))
                })
                .collect();
            let names: Vec<&String> = made[0].keys().collect();
            let wanted =
                ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"];
            assert_eq!(names, wanted, "{family} {kind}");
            assert!(made[0] == made[1], "{family} {kind} differs with the same seed");
            assert!(made[0] != made[2], "{family} {kind} is the same with another seed");
            // The fastest of three: the machine may have other work.
            assert!(fastest < Duration::from_secs(1), "{family} {kind} took {fastest:?}");
        }
    }
}

#[test]
fn every_family_is_imported_at_every_type_and_shown() {
    let program = Program::new();
    for family in FAMILIES {
        make(&program, family, &["--family", family]);
        for weights in ["f32", "f16", "q8_0", "q4_0"] {
            let args =
                ["model", "import", family, "-o", "out", "--type", weights, "--name", weights];
            let all = program.run([&args[..], &["--json", "--force"]].concat()).with_code(0).json();
            let card = &all["card"];
            assert_eq!(card["weights"], weights);
            // Rows of Mistral's smallest matrices do not fill blocks.
            let used = &card["tensors"][weights.to_uppercase()];
            assert!(used.as_u64().is_some_and(|count| count > 0), "{family} {weights}: {card}");

            let path = format!("out/{weights}.gguf");
            assert_eq!(all["gguf"], path);
            let shown = program.run(["model", "info", &path, "--json"]).with_code(0).json();
            let shown = &shown["models"][0];
            for (told, wanted) in [
                ("architecture", &card["architecture"]),
                ("tensors", &card["tensors"]),
                ("context", &card["context"]),
                ("hidden", &card["hidden"]),
                ("vocabulary", &card["tokenizer"]["tokens"]),
                ("head-description", &card["head"]),
                ("blake3", &card["outputs"][0]["blake3"]),
            ] {
                assert_eq!(&shown[told], wanted, "{told} of {family} as {weights}");
            }
            assert_eq!(shown["templates"][0]["blake3"], card["chat_template"]);
            assert_eq!(shown["warnings"], serde_json::json!([]));
            let file = std::fs::read(program.folder().join(&path)).unwrap();
            assert_eq!(shown["blake3"], digest(&file));
        }
    }
}

#[test]
fn every_kind_of_head_is_imported_by_one_command() {
    let program = Program::new();
    for kind in KINDS {
        let folder = format!("tiny-{kind}");
        let made = program
            .run(["model", "make-tiny", "-o", &folder, "--kind", kind, "--gguf", "--json"])
            .with_code(0)
            .json();
        let causal = ["causal", "judge"].contains(&kind);
        let block = if causal {
            format!(
                "[generator.{folder}]\nkind = \"llama.generator\"\nmodel = \"{folder}/{folder}.gguf\""
            )
        } else {
            format!(
                "[source.{folder}]\nkind = \"llama.classifier\"\nmodel = \"{folder}/{folder}.gguf\""
            )
        };
        assert_eq!(made["recipe"], block);
        block.parse::<toml::Table>().unwrap();
        let head = program.folder().join(format!("{folder}/{folder}.head.safetensors"));
        assert_eq!(head.is_file(), !causal);
        if !causal {
            let args = ["model", "info", head.to_str().unwrap(), "--json"];
            let shown = program.run(args).with_code(0).json();
            assert_eq!(shown["models"][0]["form"], "head");
            assert_eq!(shown["models"][0]["head"], made["card"]["head"]);
        }
    }
}

#[test]
fn a_tiny_model_says_that_it_judges_at_chance() {
    let program = Program::new();
    let made = program.run(["model", "make-tiny", "-o", "tiny", "--gguf"]).with_code(0);
    assert_eq!(made.err(), "");
    insta::assert_snapshot!(without_digests(&made.out()), @r#"
    wrote 7 files, 697.1 kB, to tiny
    its weights are random, from seed 0: it judges at chance, and its scores mean nothing
    imported tiny, a reward model of the class Qwen2ForSequenceClassification
      model          tiny/tiny.gguf, 233.4 kB
      head           tiny/tiny.head.safetensors, 624 bytes
                     1 linear layer; one score; read at the last token that is not 345, which fills rows
      card           tiny/tiny.card.json
      architecture   qwen2, 111,232 parameters, hidden states of 64, texts of up to 512 tokens
      tensors        15 F16, 11 F32
      vocabulary     384 tokens; byte-level BPE split as `qwen2`; texts in normal form C
      chat template  in the model file
      BLAKE3         [digest]
      note           36 rows of the embedding have no token; they are named `[PAD0]` and so on
    in a recipe, whose folder paths start at:
        [source.tiny]
        kind = "llama.classifier"
        model = "tiny/tiny.gguf"
    next:
        tribunal model info tiny/tiny.gguf
        tribunal source check RECIPE   # what it reads, and known pairs
    "#);
}

#[test]
fn files_heads_and_folders_are_shown() {
    let program = Program::new();
    make(&program, "tiny", &["--gguf", "--family", "llama", "--kind", "gated"]);
    let paths = ["tiny/tiny.gguf", "tiny/tiny.head.safetensors", "tiny"];
    let shown = program.run([&["model", "info"], &paths[..]].concat()).with_code(0);
    assert_eq!(shown.err(), "");
    insta::assert_snapshot!(without_digests(&shown.out()), @r#"
    tiny/tiny.gguf: GGUF file, 314.5 kB
      architecture    llama (LlamaForRewardModelWithGating)
      name            tiny
      parameters      151,944 (22 F16, 8 F32)
      hidden state    64
      longest text    512 tokens
      vocabulary      351 tokens; byte-level BPE split as `llama-bpe`
      special tokens  begin `<|begin_of_text|>` (345, before each text), end `<|eot_id|>` (349), end of turn `<|eot_id|>` (349), padding `<|finetune_right_pad_id|>` (350)
      chat template   `default`, 268 characters in 1 line, BLAKE3 0829702dbc95adf8
      head            tiny/tiny.head.safetensors: 1 linear layer; 3 objectives weighed by a gate: objective-0, objective-1, objective-2; read at the last token that is not 350, which fills rows; gate where the tokens 349 347 320 348 335 begin for the last time
      card            tiny/tiny.card.json
      BLAKE3          [digest]

    tiny/tiny.head.safetensors: head of a reward model, 6.5 kB
      head    1 linear layer; 3 objectives weighed by a gate: objective-0, objective-1, objective-2; read at the last token that is not 350, which fills rows; gate where the tokens 349 347 320 348 335 begin for the last time
      reads   hidden states of 64
      BLAKE3  [digest]

    tiny: folder of transformers, 616.5 kB
      architecture    llama (LlamaForRewardModelWithGating)
      parameters      153,229 (36 F32)
      hidden state    64
      longest text    512 tokens
      vocabulary      351 tokens; byte-level BPE split as `llama-bpe`
      special tokens  begin `<|begin_of_text|>` (345, before each text), end `<|eot_id|>` (349), end of turn `<|eot_id|>` (349), padding `<|finetune_right_pad_id|>` (350)
      chat template   `default`, 268 characters in 1 line, BLAKE3 0829702dbc95adf8
      BLAKE3          [digest]
    "#);
}

#[test]
fn templates_are_printed_whole_when_that_is_asked_for() {
    let program = Program::new();
    make(&program, "tiny", &["--gguf"]);
    let settings = std::fs::read(program.folder().join("tiny/tokenizer_config.json")).unwrap();
    let settings: serde_json::Value = serde_json::from_slice(&settings).unwrap();
    let template = settings["chat_template"].as_str().unwrap();
    for path in ["tiny", "tiny/tiny.gguf"] {
        let args = ["model", "info", path, "--no-digest"];
        let brief = program.run(args).with_code(0).out();
        assert!(!brief.contains(template) && !brief.contains(&"BLAKE3 ".repeat(2)), "{brief}");
        let whole = program.run([&args[..], &["--template"]].concat()).with_code(0).out();
        assert!(whole.contains(&format!("chat template `default`:\n{template}\n")), "{whole}");
        let json = program.run([&args[..], &["--template", "--json"]].concat()).with_code(0).json();
        assert_eq!(json["models"][0]["templates"][0]["text"], template);
        assert_eq!(json["models"][0]["blake3"], serde_json::Value::Null);
    }
}

#[test]
fn choices_about_a_head_reach_it() {
    let program = Program::new();
    make(&program, "tiny", &["--kind", "labels"]);
    let head = |more: &[&str]| {
        let args = ["model", "import", "tiny", "-o", "out", "--force", "--json"];
        program.run([&args[..], more].concat()).with_code(0).json()["card"]["head"].clone()
    };
    assert_eq!(head(&["--label", "2"])["combine"]["index"], 2);
    let weighed = head(&["--label-weights", "-1,0,0.5", "--cost"]);
    assert_eq!(weighed["combine"]["weights"], serde_json::json!([-1.0, 0.0, 0.5]));
    assert_eq!(weighed["factor"], -1.0);
    // What a card says of a head describes it to another import.
    program.write("head.json", &weighed.to_string());
    assert_eq!(head(&["--head", "head.json"]), weighed);
}

#[test]
fn the_description_in_the_documentation_is_that_of_a_gated_head() {
    let program = Program::new();
    make(&program, "tiny", &["--kind", "gated"]);
    let page = std::fs::read_to_string(root().join("docs/import.md")).unwrap();
    let (_, rest) = page.split_once("<!-- head -->").unwrap();
    program.write("head.json", rest.split_once("<!-- end of head -->").unwrap().0);
    let head = |more: &[&str]| {
        let args = ["model", "import", "tiny", "-o", "out", "--force", "--json"];
        program.run([&args[..], more].concat()).with_code(0).json()["card"]["head"].clone()
    };
    assert_eq!(head(&["--head", "head.json"]), head(&[]));
}

#[test]
fn a_head_of_a_gate_can_be_told_where_the_prompt_ends() {
    let program = Program::new();
    make(&program, "tiny", &["--kind", "gated", "--family", "llama"]);
    for (given, wanted) in [
        ("prompt", serde_json::json!("prompt")),
        ("7,9", serde_json::json!({"pattern": {"tokens": [7, 9]}})),
    ] {
        let args = ["model", "import", "tiny", "-o", "out", "--force", "--json", "--prompt-end"];
        let all = program.run([&args[..], &[given]].concat()).with_code(0).json();
        assert_eq!(all["card"]["head"]["combine"]["gate"]["prompt-end"], wanted);
    }
}

#[test]
fn a_card_of_another_file_is_noticed() {
    let program = Program::new();
    make(&program, "tiny", &["--gguf", "--type", "f32"]);
    let path = program.folder().join("tiny/tiny.gguf");
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let shown = program.run(["model", "info", "tiny/tiny.gguf"]).with_code(0).out();
    assert!(shown.contains("the card beside the file is of another file"), "{shown}");
}

#[test]
fn the_examples_in_the_help_of_model_work() {
    let program = Program::new();
    make(&program, "Skywork-Reward-V2-Qwen3-0.6B", &["--family", "qwen3"]);
    let path = std::env::var("PATH").unwrap();
    let folder = std::path::Path::new(env!("CARGO_BIN_EXE_tribunal")).parent().unwrap();
    for verb in ["import", "info", "make-tiny"] {
        let help = program.run(["model", verb, "--help"]).with_code(0).out();
        let (_, examples) = help.split_once("Example").unwrap();
        let lines = examples.lines().map(str::trim).filter(|line| line.starts_with("tribunal "));
        assert_eq!(lines.clone().count(), 2, "{help}");
        for line in lines {
            let ran = std::process::Command::new("bash")
                .args(["-c", line])
                .current_dir(program.folder())
                .env("PATH", format!("{}:{path}", folder.display()))
                .output()
                .unwrap();
            assert!(ran.status.success(), "{line}\n{}", String::from_utf8_lossy(&ran.stderr));
        }
    }
}

#[test]
fn a_name_that_is_no_bare_key_is_quoted_in_the_recipe() {
    let program = Program::new();
    make(&program, "Reward V2-0.6B", &["--gguf"]);
    let args = ["model", "import", "Reward V2-0.6B", "-o", "out", "--json"];
    let all = program.run(args).with_code(0).json();
    let block = all["recipe"].as_str().unwrap();
    assert!(block.starts_with("[source.\"Reward-V2-0.6B\"]\n"), "{block}");
    let block: toml::Table = block.parse().unwrap();
    let model = &block["source"]["Reward-V2-0.6B"]["model"];
    assert_eq!(model.as_str(), Some("out/Reward V2-0.6B.gguf"));
}
