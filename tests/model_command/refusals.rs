//! What cannot be imported or shown: exit code, file and remedy, and nothing left behind.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{contents, make};
use crate::program::Program;

/// Runs an import that fails, and checks what it says.
#[track_caller]
fn refused(program: &Program, args: &[&str], code: i32, wanted: &[&str]) {
    let before = contents(&program.folder().join("out"));
    let ran = program.run([&["model", "import"], args].concat()).with_code(code);
    assert_eq!(ran.out(), "");
    let said = ran.err();
    for wanted in wanted {
        assert!(said.contains(wanted), "no `{wanted}` in:\n{said}");
    }
    assert!(said.starts_with("error: ") && said.contains("\nhint: "), "{said}");
    assert!(contents(&program.folder().join("out")) == before, "something is left behind");
}

/// A tiny classifier named `tiny`.
fn tiny(program: &Program) -> PathBuf {
    make(program, "tiny", &[]);
    program.folder().join("tiny")
}

fn change(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, value.to_string()).unwrap();
}

/// Writes a safetensors file with another header over the same numbers.
fn change_header(path: &Path, edit: impl FnOnce(&mut Value)) {
    let bytes = fs::read(path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    edit(&mut header);
    let text = header.to_string();
    let mut out = (text.len() as u64).to_le_bytes().to_vec();
    out.extend(text.as_bytes());
    out.extend(&bytes[8 + length..]);
    fs::write(path, out).unwrap();
}

const IMPORT: [&str; 3] = ["tiny", "-o", "out"];

#[test]
fn a_missing_folder_is_named() {
    let wanted = ["there is no folder `tiny`", "fetch the model first"];
    refused(&Program::new(), &IMPORT, 2, &wanted);
}

#[test]
fn a_folder_without_a_configuration_is_named() {
    let program = Program::new();
    fs::remove_file(tiny(&program).join("config.json")).unwrap();
    refused(&program, &IMPORT, 2, &["`tiny` is no model folder: it holds no `config.json`"]);
}

#[test]
fn a_file_is_no_folder() {
    let program = Program::new();
    program.write("tiny", "GGUF");
    refused(&program, &IMPORT, 2, &["`tiny` is a file", "give the model's folder"]);
}

#[test]
fn a_missing_tokenizer_is_named() {
    let program = Program::new();
    let path = tiny(&program).join("tokenizer.json");
    fs::remove_file(&path).unwrap();
    let wanted = ["`tiny/tokenizer.json` is missing", "fetch the model's tokenizer files again"];
    refused(&program, &IMPORT, 2, &wanted);
    program.write("tiny/tokenizer.model", "");
    let wanted = ["there is only a `tokenizer.model`", "`save_pretrained`"];
    refused(&program, &IMPORT, 2, &wanted);
}

#[test]
fn weights_that_are_missing_or_pickled_are_named() {
    let program = Program::new();
    fs::remove_file(tiny(&program).join("model.safetensors")).unwrap();
    refused(&program, &IMPORT, 2, &["`tiny` has neither `model.safetensors` nor"]);
    program.write("tiny/pytorch_model.bin", "");
    refused(&program, &IMPORT, 2, &["save the model as safetensors first"]);
}

#[test]
fn a_shard_that_is_cut_short_is_named() {
    let program = Program::new();
    let folder = tiny(&program);
    let whole = fs::read(folder.join("model.safetensors")).unwrap();
    fs::remove_file(folder.join("model.safetensors")).unwrap();
    let shard = "model-00001-of-00001.safetensors";
    fs::write(folder.join(shard), &whole[..whole.len() - 100]).unwrap();
    let index = json!({"weight_map": {"score.weight": shard}});
    program.write("tiny/model.safetensors.index.json", &index.to_string());
    let wanted = ["`tiny/model-00001-of-00001.safetensors` is cut short", "fetch that file again"];
    refused(&program, &IMPORT, 2, &wanted);
    fs::remove_file(folder.join(shard)).unwrap();
    refused(&program, &IMPORT, 2, &["is missing", shard, "puts 1 tensors into it"]);
}

#[test]
fn a_corrupt_header_is_named() {
    let program = Program::new();
    let path = tiny(&program).join("model.safetensors");
    let whole = fs::read(&path).unwrap();
    let mut broken = whole.clone();
    broken[8] = b'!';
    fs::write(&path, broken).unwrap();
    let wanted = ["the header of `tiny/model.safetensors` cannot be read: ", "line 1 column 1"];
    refused(&program, &IMPORT, 2, &wanted);
    let mut endless = whole;
    endless[..8].fill(0xff);
    fs::write(&path, endless).unwrap();
    refused(&program, &IMPORT, 2, &["`tiny/model.safetensors` says that its header has"]);
}

#[test]
fn a_head_of_a_wrong_shape_is_named() {
    let program = Program::new();
    let path = tiny(&program).join("model.safetensors");
    change_header(&path, |header| header["score.weight"]["shape"] = json!([2, 32]));
    let wanted = ["`score.weight`", "`tiny/model.safetensors`"];
    refused(&program, &[&IMPORT[..], &["--label", "0"]].concat(), 2, &wanted);
    change_header(&path, |header| header["score.weight"]["shape"] = json!([64]));
    refused(&program, &[&IMPORT[..], &["--label", "0"]].concat(), 2, &wanted);
}

#[test]
fn an_unknown_architecture_is_named() {
    let program = Program::new();
    change(&tiny(&program).join("config.json"), |config| {
        config["model_type"] = json!("mamba");
        config["architectures"] = json!(["MambaForCausalLM"]);
    });
    let wanted = ["`tiny/config.json`", "`mamba` (class `MambaForCausalLM`)", "Python adapter"];
    refused(&program, &IMPORT, 2, &wanted);
}

#[test]
fn choices_that_are_needed_or_have_no_meaning_are_named_as_options() {
    let program = Program::new();
    make(&program, "tiny", &["--kind", "labels"]);
    refused(&program, &IMPORT, 2, &["(helpful, correct, verbose)", "`--label N`"]);
    let cases: [(&[&str], &str); 4] = [
        (&["--label", "3"], "reads objective 3 of 3"),
        (&["--label-weights", "1,2"], "2 weights for 3 objectives"),
        (&["--label", "0", "--activation", "relu"], "an activation cannot be given"),
        (&["--head", "absent.json"], "cannot read `absent.json`"),
    ];
    for (more, wanted) in cases {
        refused(&program, &[&IMPORT[..], more].concat(), 2, &[wanted]);
    }
    program.write("head.json", "{\"format\": 1, \"hiden\": 64}");
    let wanted = ["`head.json` describes no head: unknown field `hiden`", "docs/import.md"];
    refused(&program, &[&IMPORT[..], &["--head", "head.json"]].concat(), 2, &wanted);
}

#[test]
fn a_name_with_slashes_is_refused() {
    let program = Program::new();
    tiny(&program);
    let wanted = ["`../m` cannot be the name of the files", "`--name NAME`"];
    refused(&program, &[&IMPORT[..], &["--name", "../m"]].concat(), 2, &wanted);
}

#[test]
fn files_that_exist_are_overwritten_by_force_alone() {
    let program = Program::new();
    tiny(&program);
    for taken in ["tiny.gguf", "tiny.card.json", "tiny.head.safetensors"] {
        program.write(&format!("out/{taken}"), "mine");
        let wanted = [&format!("`out/{taken}` exists already"), "`--force`"];
        refused(&program, &IMPORT, 2, &wanted);
        fs::remove_file(program.folder().join("out").join(taken)).unwrap();
    }
    program.write("out/tiny.gguf", "mine");
    program.run(["model", "import", "tiny", "-o", "out", "--force"]).with_code(0);
    assert_eq!(contents(&program.folder().join("out")).len(), 3);
}

#[test]
fn a_folder_that_cannot_be_written_is_the_fault_of_the_machine() {
    let program = Program::new();
    tiny(&program);
    program.write("file", "");
    let hint = "check that the folder can be written and has room";
    let args = ["tiny", "-o", "file/out"];
    refused(&program, &args, 1, &["cannot write `file/out`: ", hint]);
    let wanted = ["`file` is a file, not a folder to write into", "`-o FOLDER`"];
    refused(&program, &["tiny", "-o", "file"], 2, &wanted);
    let ran = program.run(["model", "make-tiny", "-o", "file/out"]).with_code(1);
    assert!(ran.err().contains("cannot write `file/out`: "), "{}", ran.err());
}

/// A limit on the size of files stands in for a full disk.
#[test]
fn a_disk_without_room_leaves_nothing_behind() {
    let program = Program::new();
    tiny(&program);
    let script = "trap '' XFSZ; ulimit -f 64; exec \"$0\" model import tiny -o out";
    let ran = std::process::Command::new("bash")
        .args(["-c", script, env!("CARGO_BIN_EXE_tribunal")])
        .current_dir(program.folder())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot write `out/tiny.gguf`: "), "{said}");
    assert!(contents(&program.folder().join("out")).is_empty());
}

#[test]
fn words_that_no_option_takes_are_refused() {
    let program = Program::new();
    tiny(&program);
    for (args, wanted) in [
        (vec!["import", "tiny", "-o", "out", "--type", "q5_k"], "f32, f16, q8_0, q4_0"),
        (vec!["import", "tiny"], "--out <FOLDER>"),
        (vec!["import", "tiny", "-o", "out", "--label-weights", "1,x"], "a weight is a finite"),
        (vec!["import", "tiny", "-o", "out", "--prompt-end", "end"], "ids of tokens"),
        (vec!["make-tiny", "-o", "out", "--family", "mamba"], "gemma2, internlm2"),
        (vec!["make-tiny", "-o", "out", "--type", "f32"], "--gguf"),
    ] {
        let ran = program.run([&["model"], &args[..]].concat()).with_code(2);
        assert!(ran.err().contains(wanted), "{}", ran.err());
    }
    assert!(!program.folder().join("out").exists());
}

#[test]
fn a_tiny_model_is_not_put_over_something() {
    let program = Program::new();
    let folder = tiny(&program);
    let before = contents(&folder);
    let args = ["model", "make-tiny", "-o", "tiny", "--seed", "1"];
    let ran = program.run(args).with_code(2);
    assert!(ran.err().contains("`tiny` exists already"), "{}", ran.err());
    assert!(contents(&folder) == before);
    program.run([&args[..], &["--force"]].concat()).with_code(0);
    assert!(contents(&folder) != before);
}

#[test]
fn what_cannot_be_shown_is_named_and_hides_nothing() {
    let program = Program::new();
    make(&program, "tiny", &["--gguf"]);
    program.write("text.gguf", "no model");
    let file = fs::read(program.folder().join("tiny/tiny.gguf")).unwrap();
    fs::write(program.folder().join("cut.gguf"), &file[..1000]).unwrap();
    fs::create_dir(program.folder().join("empty")).unwrap();
    for (path, wanted) in [
        ("absent", "there is no `absent`\nhint: "),
        ("text.gguf", "`text.gguf` is no GGUF file\nhint: "),
        ("cut.gguf", "`cut.gguf` is cut short"),
        ("empty", "cannot read `empty/config.json`: "),
        ("tiny/model.safetensors", "is no head of a reward model"),
    ] {
        let ran = program.run(["model", "info", path, "tiny/tiny.gguf"]).with_code(2);
        assert!(ran.err().contains(wanted), "{}", ran.err());
        assert!(ran.out().starts_with("tiny/tiny.gguf: GGUF file"), "{}", ran.out());
        let all = program.run(["model", "info", "--json", path, "tiny/tiny.gguf"]).with_code(2);
        assert_eq!(all.json()["models"].as_array().map(Vec::len), Some(1));
    }
}

#[test]
fn a_vocabulary_beyond_all_bounds_is_a_warning() {
    let program = Program::new();
    change(&tiny(&program).join("config.json"), |config| config["vocab_size"] = json!(u64::MAX));
    let shown = program.run(["model", "info", "tiny"]).with_code(0).out();
    let wanted = "it cannot be imported: the embedding for `tiny/tokenizer.json` has 18446744073709551615 rows; \
                  at most 16777216 are read";
    assert!(shown.contains(wanted), "{shown}");
}

#[test]
fn a_folder_that_cannot_be_imported_is_shown_with_the_reason() {
    let program = Program::new();
    fs::remove_file(tiny(&program).join("tokenizer.json")).unwrap();
    let shown = program.run(["model", "info", "tiny"]).with_code(0).out();
    let wanted = "warning        it cannot be imported: `tiny/tokenizer.json` is missing";
    assert!(shown.contains(wanted), "{shown}");
}
