//! Files that are no sound models: the program says which and what to do, and what is stored stays.

use std::fs;
use std::path::{Path, PathBuf};

use super::{block, make, plugin, suite};
use crate::program::{Program, Ran};

/// A control and a classifier of `model/model.gguf`.
fn recipe(program: &Program, keys: &str) -> Option<()> {
    let text = plugin(keys)?
        + "[source.length]\nkind = \"baseline.length\"\n"
        + &block("source.rm", "llama.classifier", "model")
        + &suite(1);
    program.write("recipe.toml", &text);
    Some(())
}

/// The classifier's files under another name.
struct Files {
    model: PathBuf,
    head: PathBuf,
    sound: Vec<u8>,
    sound_head: Vec<u8>,
}

impl Files {
    fn new(program: &Program) -> Self {
        make(program, "classifier");
        let from = program.folder().join("classifier");
        fs::create_dir_all(program.folder().join("model")).unwrap();
        let files = Self {
            model: program.folder().join("model/model.gguf"),
            head: program.folder().join("model/model.head.safetensors"),
            sound: fs::read(from.join("classifier.gguf")).unwrap(),
            sound_head: fs::read(from.join("classifier.head.safetensors")).unwrap(),
        };
        files.mend();
        files
    }

    fn mend(&self) {
        fs::write(&self.model, &self.sound).unwrap();
        fs::write(&self.head, &self.sound_head).unwrap();
    }

    /// The model with other bytes for some of its names.
    fn renamed(&self, from: &str, to: &str) -> Vec<u8> {
        assert_eq!(from.len(), to.len());
        let mut bytes = self.sound.clone();
        let mut at = 0;
        while let Some(place) =
            bytes[at..].windows(from.len()).position(|window| window == from.as_bytes())
        {
            bytes[at + place..at + place + to.len()].copy_from_slice(to.as_bytes());
            at += place + to.len();
        }
        assert!(at > 0, "there is no `{from}`");
        bytes
    }
}

/// A head of other width, with zeros for numbers.
fn head_of(width: usize, like: &[u8]) -> Vec<u8> {
    let length = u64::from_le_bytes(like[..8].try_into().unwrap()) as usize;
    let mut header: serde_json::Value = serde_json::from_slice(&like[8..8 + length]).unwrap();
    for (name, tensor) in header.as_object_mut().unwrap() {
        if name != "__metadata__" {
            tensor["shape"] = serde_json::json!([1, width]);
            tensor["data_offsets"] = serde_json::json!([0, 4 * width]);
        }
    }
    let text = header.to_string();
    let zeros = vec![0; 4 * width];
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes(), &zeros].concat()
}

fn started(program: &Program, args: &[&str]) -> Ran {
    program.run([args, &["-q", "--accept-unverified"]].concat())
}

fn rows(program: &Program) -> String {
    program.run(["export", "out", "--to", "jsonl"]).with_code(0).out()
}

#[test]
fn a_file_that_is_no_sound_model_is_named_and_costs_nothing_that_is_stored() {
    let program = Program::new();
    if recipe(&program, "").is_none() {
        return;
    }
    let files = Files::new(&program);
    let run = ["run", "recipe.toml", "-o", "out"];
    started(&program, &[&run[..], &["--shard", "0/2"]].concat()).with_code(0);
    let stored = rows(&program);
    assert!(stored.contains(r#""source":"length""#) && stored.contains(r#""source":"rm""#));

    let (model, head) = (Path::new("model/model.gguf"), Path::new("model/model.head.safetensors"));
    let sound = &files.sound;
    let cut_head = &files.sound_head[..files.sound_head.len() - 7];
    let mut corrupt = sound.clone();
    corrupt[24..32].fill(0xff);
    let wide = head_of(96, &files.sound_head);
    let no_tokens = files.renamed("tokenizer.ggml.tokens", "tokenizer.ggml.nokens");
    let no_template = files.renamed("tokenizer.chat_template", "tokenizer.bhat_template");
    let strange = files.renamed("qwen3", "zzzzz");
    let cases: [(&Path, &[u8], &[&str]); 9] = [
        (model, &sound[..sound.len() - 100], &["is cut short", "fetch or convert the file again"]),
        (model, &sound[..300], &["is cut short", "fetch or convert the file again"]),
        (model, b"", &["is no GGUF file", "import the model folder"]),
        (model, &corrupt, &["is cut short", "fetch or convert the file again"]),
        (model, &strange, &["unknown model architecture: 'zzzzz'", "another family"]),
        (model, &no_tokens, &["cannot find tokenizer vocab in model file", "with its tokenizer"]),
        (model, &no_template, &["has no chat template", "name one with `template`"]),
        (head, cut_head, &["is cut short", "fetch that file again"]),
        (head, &wide, &["has the shape [1, 96]", "needs [1, 64]", "import the model again"]),
    ];
    for (path, bytes, wanted) in cases {
        files.mend();
        fs::write(program.folder().join(path), bytes).unwrap();
        let ran = started(&program, &["resume", "out"]).with_code(5);
        let said = ran.err();
        for wanted in wanted {
            assert!(said.contains(wanted), "no `{wanted}` in: {said}");
        }
        assert!(said.contains(path.to_str().unwrap()) && said.contains("source `rm`"), "{said}");
        assert_eq!(rows(&program), stored, "{said}");
    }

    // Without the head there is another identity, and another file is a missing one of the recipe.
    files.mend();
    fs::remove_file(&files.head).unwrap();
    let ran = started(&program, &["resume", "out"]).with_code(5);
    assert!(ran.err().contains("has no head") && ran.err().contains("`head`"), "{}", ran.err());
    fs::remove_file(&files.model).unwrap();
    let ran = started(&program, &["resume", "out"]).with_code(2);
    assert!(ran.err().contains("model/model.gguf"), "{}", ran.err());
    assert_eq!(rows(&program), stored);
    files.mend();
    started(&program, &["resume", "out"]).with_code(0);
    assert!(rows(&program).len() > stored.len());
}

#[test]
fn a_vocabulary_that_holds_a_token_twice_ends_no_run() {
    let program = Program::new();
    if recipe(&program, "").is_none() {
        return;
    }
    let files = Files::new(&program);
    // Texts stand behind their length.
    fs::write(&files.model, files.renamed("\x01\0\0\0\0\0\0\0B", "\x01\0\0\0\0\0\0\0A")).unwrap();
    let ran = started(&program, &["run", "recipe.toml", "-o", "out"]).with_code(5);
    assert!(ran.err().contains("model/model.gguf"), "{}", ran.err());
}
