//! Models of the tests, and asking.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tribunal_api::registry::NoGenerators;
use tribunal_api::{
    Answer, Completion, Generator, Prompt, Question, Registry, RewardSource, SettingsError,
    SourceError, Turn,
};
use tribunal_models::import::{ImportOptions, Labels, WeightType, import};
use tribunal_models::tiny::{TinyFamily, TinyKind, make_tiny};

/// A folder with models.
pub struct Models {
    folder: tempfile::TempDir,
}

impl Models {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A tiny model of this family and kind; the path of its GGUF file.
    pub fn tiny(&self, family: TinyFamily, kind: TinyKind, weights: WeightType) -> PathBuf {
        let name = format!("{family:?}-{kind:?}-{weights:?}").to_lowercase();
        let folder = self.path().join(format!("{name}.hf"));
        make_tiny(family, kind, 7, &folder).unwrap();
        let labels = (kind == TinyKind::Labels).then(|| Labels::Weights(vec![0.5, 0.25, -1.0]));
        let options =
            ImportOptions { name: Some(name.clone()), weights, labels, ..ImportOptions::default() };
        import(&folder, self.path(), &options, &mut |_| {}).unwrap();
        self.path().join(format!("{name}.gguf"))
    }
}

fn registry() -> Registry {
    let mut registry = Registry::new();
    tribunal_llama::register(&mut registry);
    registry
}

/// Settings with one computing thread.
pub fn settings(model: &Path, further: Value) -> Value {
    let mut settings = json!({ "model": model, "compute": { "threads": 1 } });
    for (key, value) in further.as_object().unwrap() {
        settings[key] = value.clone();
    }
    settings
}

pub fn try_source(kind: &str, settings: Value) -> Result<Arc<dyn RewardSource>, SettingsError> {
    registry().build_source(kind, settings, &NoGenerators)
}

pub fn source(kind: &str, model: &Path, further: Value) -> Arc<dyn RewardSource> {
    try_source(kind, settings(model, further)).unwrap()
}

pub fn generator(model: &Path, further: Value) -> Arc<dyn Generator> {
    registry().build_generator("llama.generator", settings(model, further), &NoGenerators).unwrap()
}

/// One question's answer.
pub fn score(source: &dyn RewardSource, question: &Question) -> Result<Answer, SourceError> {
    let answers = block_on(source.score(std::slice::from_ref(question))).into_vec();
    answers.into_iter().next().unwrap().map(|samples| samples.into_iter().next().unwrap())
}

/// The number of an answer.
pub fn number(answer: &Answer) -> f64 {
    let scores = answer.readout.scores();
    scores.unwrap_or_else(|| panic!("no score: {:?}", answer.readout))[0].value()
}

pub fn generate(generator: &dyn Generator, prompt: &Prompt) -> Result<Completion, SourceError> {
    block_on(generator.generate(std::slice::from_ref(prompt))).into_iter().next().unwrap()
}

/// Does something for each input on so many threads; results in the order of the inputs.
pub fn side_by_side<I: Sync, O: Send>(
    threads: usize,
    inputs: &[I],
    work: impl Fn(&I) -> O + Sync,
) -> Vec<O> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let done: Vec<Mutex<Option<O>>> = inputs.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let Some(input) = inputs.get(place) else { return };
                    *done[place].lock().unwrap() = Some(work(input));
                }
            });
        }
    });
    done.into_iter().map(|one| one.into_inner().unwrap().unwrap()).collect()
}

/// A dialogue of some turns with a reply, of roughly so many words, all from a seed.
pub fn question(seed: u64, words: usize) -> Question {
    let mut random = Random(seed);
    // Prompts come from a small pool, so that questions share them.
    let mut shared = Random(seed % 5);
    let mut turns = vec![Turn::user(text(&mut shared, words))];
    if seed.is_multiple_of(3) {
        turns.push(Turn::assistant(text(&mut shared, 9)));
        turns.push(Turn::user(text(&mut random, 6)));
    }
    let reply: Arc<str> = text(&mut random, words / 2 + 1).into();
    Question::new(turns, vec![reply])
}

pub fn text(random: &mut Random, words: usize) -> String {
    const WORDS: [&str; 12] = [
        "the", "answer", "is", "12", "Yes", "no", "naïve", "日本", "🙂", "however,", "\n\n",
        "[[A]]",
    ];
    let mut text = String::new();
    for _ in 0..words.max(1) {
        text.push_str(WORDS[random.below(WORDS.len())]);
        text.push(' ');
    }
    text
}

/// A small generator of numbers (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for place in (1..all.len()).rev() {
            all.swap(place, self.below(place + 1));
        }
    }
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut std::task::Context::from_waker(&waker)) {
            std::task::Poll::Ready(value) => return value,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}
