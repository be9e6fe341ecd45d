//! The trained models beside the project: imported without rounding, and shown.

use super::{contents, digest};
use crate::program::{Program, shared_data};

#[test]
fn every_model_beside_the_project_is_imported_and_shown() {
    let Some(models) = shared_data().map(|data| data.join("models")) else { return };
    if !models.is_dir() {
        println!("skipped: there is no `../shared/data/models` beside the project");
        return;
    }
    let program = Program::new();
    let mut seen = 0;
    for entry in std::fs::read_dir(&models).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.join("config.json").is_file() {
            continue;
        }
        seen += 1;
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let given = folder.to_str().unwrap();
        let args = ["model", "import", given, "-o", &name, "--type", "f32"];
        let ran = program.run(args).with_code(0);
        assert_eq!(ran.err(), "");

        let written = contents(&program.folder().join(&name));
        let card = &written[&format!("{name}.card.json")];
        let card: serde_json::Value = serde_json::from_slice(card).unwrap();
        assert_eq!(card["weights"], "f32");
        assert_eq!(card["tensors"].as_object().map(|types| types.len()), Some(1), "{card}");
        for output in card["outputs"].as_array().unwrap() {
            let bytes = &written[output["file"].as_str().unwrap()];
            assert_eq!(output["blake3"], digest(bytes));
            assert_eq!(output["bytes"], bytes.len());
        }
        for input in card["inputs"].as_array().unwrap() {
            let bytes = std::fs::read(folder.join(input["file"].as_str().unwrap())).unwrap();
            assert_eq!(input["blake3"], digest(&bytes));
        }

        let gguf = format!("{name}/{name}.gguf");
        let shown = program.run(["model", "info", given, &gguf, "--json"]).with_code(0).json();
        let [from, to] = [&shown["models"][0], &shown["models"][1]];
        assert_eq!(from["parameters"], card["parameters"]);
        assert_eq!(from["class"], card["class"]);
        for key in ["hidden", "context", "vocabulary", "tokenizer", "templates"] {
            assert_eq!(from[key], to[key], "{key} of {name}");
        }
        assert_eq!(to["blake3"], card["outputs"][0]["blake3"]);
        let reward = name.ends_with("-rm");
        assert_eq!(to["head"].is_string(), reward);
        assert_eq!(card["kind"], if reward { "reward" } else { "causal" });
        let block = format!("kind = \"llama.{}\"", if reward { "classifier" } else { "generator" });
        assert!(ran.out().contains(&block), "{}", ran.out());
    }
    assert!(seen >= 3, "{seen} models in {}", models.display());
}
