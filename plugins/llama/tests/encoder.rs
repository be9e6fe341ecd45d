//! An encoder with its head inside the file, as llama.cpp's own converter writes BERT, held against the formulas of BERT in plain
//! arithmetic.

use std::path::Path;

use serde_json::json;
use tribunal_api::Question;
use tribunal_models::gguf::{Array, GgufWriter, PlannedTensor, TensorType, Value};

use crate::common::{Models, Random, block_on, number, score, source};

const WIDTH: usize = 32;
const HEADS: usize = 2;
const INNER: usize = 64;
const LAYERS: usize = 2;
const PLACES: usize = 64;
const LABELS: usize = 2;
const WORDS: [&str; 12] = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "\u{2581}good",
    "\u{2581}bad",
    "\u{2581}answer",
    "\u{2581}is",
    "\u{2581}the",
    "ly",
    "\u{2581}.",
    "\u{2581}?",
];

/// A matrix by rows, or a row.
struct Tensor {
    name: String,
    rows: usize,
    columns: usize,
    numbers: Vec<f32>,
}

struct Bert {
    tensors: Vec<Tensor>,
}

impl Bert {
    fn random() -> Self {
        let mut random = Random(5);
        let mut tensors = Vec::new();
        let mut add = |name: &str, rows: usize, columns: usize, middle: f32| {
            let spread = if rows > 1 { (3.0 / columns as f32).sqrt() } else { 0.25 };
            let mut number =
                || middle + spread * ((random.next() >> 40) as f32 / (1 << 23) as f32 - 1.0);
            let numbers = (0..rows * columns).map(|_| number()).collect();
            tensors.push(Tensor { name: name.to_owned(), rows, columns, numbers });
        };
        add("token_embd.weight", WORDS.len(), WIDTH, 0.0);
        add("token_types.weight", 2, WIDTH, 0.0);
        add("position_embd.weight", PLACES, WIDTH, 0.0);
        add("token_embd_norm.weight", 1, WIDTH, 1.0);
        add("token_embd_norm.bias", 1, WIDTH, 0.0);
        for layer in 0..LAYERS {
            let mut layered = |name: &str, rows, columns, middle| {
                add(&format!("blk.{layer}.{name}"), rows, columns, middle);
            };
            for part in ["attn_q", "attn_k", "attn_v", "attn_output"] {
                layered(&format!("{part}.weight"), WIDTH, WIDTH, 0.0);
                layered(&format!("{part}.bias"), 1, WIDTH, 0.0);
            }
            for norm in ["attn_output_norm", "layer_output_norm"] {
                layered(&format!("{norm}.weight"), 1, WIDTH, 1.0);
                layered(&format!("{norm}.bias"), 1, WIDTH, 0.0);
            }
            layered("ffn_up.weight", INNER, WIDTH, 0.0);
            layered("ffn_up.bias", 1, INNER, 0.0);
            layered("ffn_down.weight", WIDTH, INNER, 0.0);
            layered("ffn_down.bias", 1, WIDTH, 0.0);
        }
        add("cls.weight", WIDTH, WIDTH, 0.0);
        add("cls.bias", 1, WIDTH, 0.0);
        add("cls.output.weight", LABELS, WIDTH, 0.0);
        add("cls.output.bias", 1, LABELS, 0.0);
        Self { tensors }
    }

    fn write(&self, path: &Path) {
        let texts = |all: &[&str]| {
            Value::Array(Array::Text(all.iter().map(|one| (*one).to_owned()).collect()))
        };
        let number = |number: usize| Value::U32(number as u32);
        let kinds = WORDS.iter().map(|word| if word.starts_with('[') { 3 } else { 1 }).collect();
        let metadata: Vec<(String, Value)> = [
            ("general.architecture", Value::Text("bert".to_owned())),
            ("bert.context_length", number(PLACES)),
            ("bert.embedding_length", number(WIDTH)),
            ("bert.feed_forward_length", number(INNER)),
            ("bert.block_count", number(LAYERS)),
            ("bert.attention.head_count", number(HEADS)),
            ("bert.attention.layer_norm_epsilon", Value::F32(1e-12)),
            ("bert.attention.causal", Value::Bool(false)),
            ("bert.pooling_type", number(4)),
            ("bert.classifier.output_labels", texts(&["worse", "better"])),
            ("tokenizer.ggml.model", Value::Text("bert".to_owned())),
            ("tokenizer.ggml.token_type_count", number(2)),
            ("tokenizer.ggml.tokens", texts(&WORDS)),
            ("tokenizer.ggml.token_type", Value::Array(Array::I32(kinds))),
            ("tokenizer.ggml.padding_token_id", number(0)),
            ("tokenizer.ggml.unknown_token_id", number(1)),
            ("tokenizer.ggml.bos_token_id", number(2)),
            ("tokenizer.ggml.cls_token_id", number(2)),
            ("tokenizer.ggml.seperator_token_id", number(3)),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into();
        let planned: Vec<PlannedTensor> = self
            .tensors
            .iter()
            .map(|Tensor { name, rows, columns, .. }| PlannedTensor {
                name: name.clone(),
                dimensions: if *rows == 1 {
                    vec![*columns as u64]
                } else {
                    vec![*columns as u64, *rows as u64]
                },
                kind: TensorType::F32,
            })
            .collect();
        let mut writer = GgufWriter::create(path, &metadata, &planned).unwrap();
        for tensor in &self.tensors {
            let bytes: Vec<u8> =
                tensor.numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            writer.write(&bytes).unwrap();
        }
        writer.finish().unwrap();
    }

    fn tensor(&self, name: &str) -> &Tensor {
        self.tensors.iter().find(|tensor| tensor.name == name).unwrap()
    }

    fn row(&self, name: &str, row: usize) -> Vec<f64> {
        let tensor = self.tensor(name);
        let row = &tensor.numbers[row * tensor.columns..(row + 1) * tensor.columns];
        row.iter().copied().map(f64::from).collect()
    }

    /// A linear layer with its bias.
    fn linear(&self, stem: &str, input: &[f64]) -> Vec<f64> {
        let weight = format!("{stem}.weight");
        let bias = self.row(&format!("{stem}.bias"), 0);
        (0..self.tensor(&weight).rows)
            .map(|row| bias[row] + dot(&self.row(&weight, row), input))
            .collect()
    }

    fn norm(&self, stem: &str, input: &[f64]) -> Vec<f64> {
        let (weight, bias) =
            (self.row(&format!("{stem}.weight"), 0), self.row(&format!("{stem}.bias"), 0));
        let mean = input.iter().sum::<f64>() / WIDTH as f64;
        let variance = input.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / WIDTH as f64;
        let scaled = |(place, x): (usize, &f64)| {
            (x - mean) / (variance + 1e-12).sqrt() * weight[place] + bias[place]
        };
        input.iter().enumerate().map(scaled).collect()
    }

    /// The logits of a text: the pooled first token through the head.
    fn logits(&self, tokens: &[u32]) -> Vec<f64> {
        let embedded = |(at, token): (usize, &u32)| {
            let sum = add(
                &self.row("token_embd.weight", *token as usize),
                &self.row("position_embd.weight", at),
            );
            self.norm("token_embd_norm", &add(&sum, &self.row("token_types.weight", 0)))
        };
        let mut states: Vec<Vec<f64>> = tokens.iter().enumerate().map(embedded).collect();
        for layer in 0..LAYERS {
            let name = |rest: &str| format!("blk.{layer}.{rest}");
            let of = |part: &str| {
                states.iter().map(|state| self.linear(&name(part), state)).collect::<Vec<_>>()
            };
            let (queries, keys, values) = (of("attn_q"), of("attn_k"), of("attn_v"));
            let step = WIDTH / HEADS;
            let attended = queries.iter().map(|query| {
                let mut mixed = vec![0.0; WIDTH];
                for range in (0..HEADS).map(|head| head * step..(head + 1) * step) {
                    let scores: Vec<f64> = keys
                        .iter()
                        .map(|key| {
                            (dot(&query[range.clone()], &key[range.clone()]) / (step as f64).sqrt())
                                .exp()
                        })
                        .collect();
                    let total: f64 = scores.iter().sum();
                    for (score, value) in scores.iter().zip(&values) {
                        for place in range.clone() {
                            mixed[place] += score / total * value[place];
                        }
                    }
                }
                mixed
            });
            let next = attended.zip(&states).map(|(mixed, state)| {
                let mixed = add(&self.linear(&name("attn_output"), &mixed), state);
                let mixed = self.norm(&name("attn_output_norm"), &mixed);
                let inner: Vec<f64> =
                    self.linear(&name("ffn_up"), &mixed).into_iter().map(gelu).collect();
                self.norm(
                    &name("layer_output_norm"),
                    &add(&self.linear(&name("ffn_down"), &inner), &mixed),
                )
            });
            states = next.collect();
        }
        let pooled: Vec<f64> = self.linear("cls", &states[0]).into_iter().map(f64::tanh).collect();
        self.linear("cls.output", &pooled)
    }
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

fn add(one: &[f64], other: &[f64]) -> Vec<f64> {
    one.iter().zip(other).map(|(one, other)| one + other).collect()
}

fn gelu(x: f64) -> f64 {
    0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3))).tanh())
}

#[test]
fn an_encoder_gives_the_raw_logits_of_its_own_head() {
    let models = Models::new();
    let bert = Bert::random();
    let path = models.path().join("bert.gguf");
    bert.write(&path);
    let template = models.path().join("pair.jinja");
    std::fs::write(&template, "{{ messages[0].content }}[SEP]{{ messages[1].content }}").unwrap();
    let of_label = |label: usize| {
        source("llama.classifier", &path, json!({ "template": template, "label": label }))
    };
    let (worse, better) = (of_label(0), of_label(1));
    let mut scores = Vec::new();
    for (prompt, reply) in [
        ("is the answer good ?", "goodly ."),
        ("the answer ?", "bad"),
        ("?", "the answer is bad . the answer is good ."),
    ] {
        let question = Question::of_text(prompt, &[reply]);
        let tokens = block_on(better.inspect(&question)).unwrap().unwrap().tokens;
        assert_eq!(
            (tokens[0], tokens.iter().filter(|token| **token == 3).count()),
            (2, 2),
            "{tokens:?}"
        );
        let expected = bert.logits(&tokens);
        let answer = score(&*better, &question).unwrap();
        // GELU is looked up in a table of 16-bit numbers.
        assert!(
            (number(&answer) - expected[1]).abs() < 2e-3,
            "{answer:?}, by the formulas {expected:?}"
        );
        assert_eq!(answer.parts["label-1"], [number(&answer)]);
        let other = number(&score(&*worse, &question).unwrap());
        assert!((other - expected[0]).abs() < 2e-3, "{other}, by the formulas {expected:?}");
        scores.push(number(&answer));
    }
    assert!(scores[0] != scores[1] && scores[1] != scores[2]);
    let opened = |further| {
        block_on(source("llama.classifier", &path, further).open()).unwrap_err().to_string()
    };
    assert!(opened(json!({ "template": template })).contains("2 labels"));
    assert!(opened(json!({ "template": template, "label": 2 })).contains("2 labels"));
    assert!(
        opened(json!({ "template": template, "label": 1, "context": 65 })).contains("64 places")
    );
    let headless = models.path().join("headless.gguf");
    let tensors = bert.tensors.into_iter().filter(|tensor| !tensor.name.starts_with("cls"));
    Bert { tensors: tensors.collect() }.write(&headless);
    let opened = block_on(source("llama.classifier", &headless, json!({ "label": 1 })).open());
    assert!(opened.unwrap_err().to_string().contains("without a head"));
    let long = Question::of_text(&"good ".repeat(80), &["bad"]);
    assert!(score(&*better, &long).unwrap().readout.scores().is_none());
}
