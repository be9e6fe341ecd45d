//! Files whose headers are damaged at random, put to an isolated library: whatever becomes of its process, the host goes on.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tribunal_api::registry::NoGenerators;
use tribunal_api::{Question, Registry, RewardSource};
use tribunal_loader::{Origin, Spec, load};

use super::{library, make};
use crate::program::Program;

/// What became of a case.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The model opened, and a question was answered or refused.
    Opened,
    /// It was refused.
    Refused,
    /// The library's process ended.
    Ended,
    /// There was no answer in time.
    Late,
}

/// Numbers that a case is made of, the same each time.
struct Draws(blake3::OutputReader);

impl Draws {
    fn of(case: u64) -> Self {
        Self(blake3::Hasher::new().update(&case.to_le_bytes()).finalize_xof())
    }

    fn bits(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.bits() % end.max(1) as u64) as usize
    }
}

/// Damages the first `header` bytes: single bytes, bits, numbers of 32 and 64 bits, pieces that are doubled, moved or left out.
fn damaged(sound: &[u8], header: usize, draws: &mut Draws) -> Vec<u8> {
    const NUMBERS: [u64; 10] =
        [0, 1, 7, 255, 65_536, 1 << 31, u32::MAX as u64, 1 << 40, 1 << 63, u64::MAX];
    let mut bytes = sound.to_vec();
    for _ in 0..1 + draws.below(4) {
        let header = header.min(bytes.len());
        let at = draws.below(header);
        let length = 1 + draws.below(40.min(header - at));
        match draws.below(8) {
            0 | 1 => bytes[at] = draws.bits() as u8,
            2 => bytes[at] ^= 1 << draws.below(8),
            kind @ (3 | 4) => {
                let number = NUMBERS[draws.below(NUMBERS.len())].to_le_bytes();
                let width = (if kind == 3 { 4 } else { 8 }).min(bytes.len() - at);
                bytes[at..at + width].copy_from_slice(&number[..width]);
            }
            5 => {
                let piece = bytes[at..at + length].to_vec();
                bytes.splice(at..at, piece);
            }
            6 => drop(bytes.drain(at..at + length)),
            _ => {
                let piece = bytes[at..at + length].to_vec();
                let to = draws.below(header - length + 1);
                bytes[to..to + length].copy_from_slice(&piece);
            }
        }
        if bytes.is_empty() || draws.below(40) == 0 {
            bytes.truncate(draws.below(header));
            break;
        }
    }
    bytes
}

/// Where the header of a GGUF file ends: the alphabet of names is over, and the numbers of tensors begin.
fn header_of(sound: &[u8]) -> usize {
    // The names of tensors are the last of the header; what follows are numbers.
    let last = b"output_norm.weight";
    let places = sound.windows(last.len()).rposition(|window| window == last);
    places.expect("tiny models have a last norm") + last.len() + 40
}

async fn put(source: &dyn RewardSource) -> Result<bool, String> {
    let within = Duration::from_secs(60);
    match tokio::time::timeout(within, source.open()).await {
        Err(_) => return Err("late".to_owned()),
        Ok(opened) => opened.map_err(|error| error.to_string())?,
    }
    let question = [Question::of_text("How are you?", &["Well."])];
    let answer = tokio::time::timeout(within, source.score(&question)).await;
    let answer = answer.map_err(|_| "late".to_owned())?.into_vec().remove(0);
    source.close().await;
    match answer {
        // A message of the process and not of the model.
        Err(error) if has_ended(&error.to_string()) => Err(error.to_string()),
        _ => Ok(true),
    }
}

fn has_ended(message: &str) -> bool {
    ["ended with signal", "ended with exit status", "is gone"]
        .iter()
        .any(|end| message.contains(end))
}

/// Puts so many damaged files to the library, from the case `first` on.
fn put_all(first: u64, cases: u64) {
    let Some(library) = library() else { return };
    let program = Program::new();
    for kind in ["classifier", "causal"] {
        make(&program, kind);
    }
    let folder = program.folder();
    let mut spec = Spec::new(Origin::Library(library));
    spec.isolate = true;
    spec.restarts = u32::MAX;
    // It would start a debugger at its end, where there is one.
    spec.env.insert("GGML_NO_BACKTRACE".to_owned(), "1".to_owned());
    // A damaged number may ask for any memory: that is the child's end and not the machine's.
    let script = "ulimit -v 6000000; exec \"$0\" __plugin-host \"$@\"";
    spec.host =
        ["/bin/sh", "-c", script, env!("CARGO_BIN_EXE_tribunal")].map(str::to_owned).to_vec();
    let mut registry = Registry::new();
    load(&spec, &mut registry).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();

    let classifier = fs::read(folder.join("classifier/classifier.gguf")).unwrap();
    let head = fs::read(folder.join("classifier/classifier.head.safetensors")).unwrap();
    let causal = fs::read(folder.join("causal/causal.gguf")).unwrap();
    let build =
        |kind: &str, model: &Path, head: Option<&Path>| -> Result<Arc<dyn RewardSource>, String> {
            let mut settings =
                json!({ "model": model, "context": 256, "compute": { "threads": 1 } });
            if let Some(head) = head {
                settings["head"] = json!(head);
            }
            registry.build_source(kind, settings, &NoGenerators).map_err(|error| error.message)
        };
    let (model, head_path) = (folder.join("damaged.gguf"), folder.join("damaged.safetensors"));
    let begun = Instant::now();
    let mut counts = [0_u64; 4];
    for case in first..first + cases {
        let mut draws = Draws::of(case);
        let built = match case % 4 {
            0 => {
                fs::write(&model, damaged(&causal, header_of(&causal), &mut draws)).unwrap();
                build("llama.likelihood", &model, None)
            }
            1 => {
                fs::write(&model, &classifier).unwrap();
                // The numbers of a head are few: they are damaged, too.
                fs::write(&head_path, damaged(&head, head.len(), &mut draws)).unwrap();
                build("llama.classifier", &model, Some(&head_path))
            }
            _ => {
                fs::write(&model, damaged(&classifier, header_of(&classifier), &mut draws))
                    .unwrap();
                fs::write(&head_path, &head).unwrap();
                build("llama.classifier", &model, Some(&head_path))
            }
        };
        let put = built.and_then(|source| runtime.block_on(put(&*source)));
        let end = match &put {
            Ok(_) => End::Opened,
            Err(message) if message == "late" => End::Late,
            Err(message) if has_ended(message) => End::Ended,
            Err(_) => End::Refused,
        };
        if matches!(end, End::Ended | End::Late) {
            let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("damaged-{case}.gguf"));
            fs::copy(&model, &kept).unwrap();
            let head = kept.with_file_name(format!("damaged-{case}.head.safetensors"));
            fs::copy(&head_path, head).unwrap();
            println!("case {case}: {}\nits file is kept: {}", put.unwrap_err(), kept.display());
        }
        counts[end as usize] += 1;
    }
    // The sound files open as before, in the same process or the next.
    fs::write(&model, &classifier).unwrap();
    fs::write(&head_path, &head).unwrap();
    let source = build("llama.classifier", &model, Some(&head_path)).unwrap();
    assert_eq!(runtime.block_on(put(&*source)), Ok(true));
    let [opened, refused, ended, late] = counts;
    println!(
        "{cases} damaged files in {:.0?}: {refused} were refused, {opened} opened, {ended} ended the library's process, \
         {late} gave no answer in time; the host goes on",
        begun.elapsed()
    );
    assert!(refused > cases / 4, "too few are refused");
}

#[test]
fn damaged_files_end_at_most_the_process_of_the_library() {
    put_all(0, 100);
}

#[test]
#[ignore = "takes a quarter of an hour: `cargo test --test tribunal ten_thousand -- --ignored --nocapture`"]
fn ten_thousand_damaged_files() {
    put_all(1000, 10_000);
}
