//! An import that is ended by Ctrl-C.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{contents, make};
use crate::program::Program;

/// Makes the matrices of the feed-forward layers so long that an import takes a while; their numbers are holes in the file.
fn lengthen(folder: &Path, inner: u64) {
    let config = folder.join("config.json");
    let mut value: Value = serde_json::from_slice(&fs::read(&config).unwrap()).unwrap();
    value["intermediate_size"] = json!(inner);
    fs::write(&config, value.to_string()).unwrap();
    let path = folder.join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let mut end = 0;
    for (name, tensor) in header.as_object_mut().unwrap() {
        let Some(shape) = tensor.get_mut("shape").and_then(Value::as_array_mut) else { continue };
        if name.contains("mlp.") {
            let long = usize::from(name.contains("down_proj"));
            shape[long] = json!(inner);
        }
        let size = shape.iter().map(|side| side.as_u64().unwrap()).product::<u64>() * 4;
        tensor["data_offsets"] = json!([end, end + size]);
        end += size;
    }
    let text = header.to_string();
    let mut file = File::create(&path).unwrap();
    file.write_all(&(text.len() as u64).to_le_bytes()).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.set_len(8 + text.len() as u64 + end).unwrap();
}

#[test]
fn an_interrupted_import_leaves_no_file() {
    let program = Program::new();
    make(&program, "tiny", &[]);
    // Six matrices of 64 MiB.
    lengthen(&program.folder().join("tiny"), 1 << 18);
    let out = program.folder().join("out");
    let child = program
        .command(["model", "import", "tiny", "-o", "out"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let parts = || fs::read_dir(&out).map_or(0, |entries| entries.count());
    while parts() == 0 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(130), "{said}");
    assert!(said.contains("the import was stopped; no file was written"), "{said}");
    assert!(ended.stdout.is_empty());
    assert!(contents(&out).is_empty(), "{:?}", contents(&out).keys());
}
