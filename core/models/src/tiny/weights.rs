//! Random weights under the names that transformers gives them.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::config::{OBJECTIVES, Shape};
use super::{TinyFamily, TinyKind};
use crate::checkpoint::SidecarTensor;

struct Maker {
    random: ChaCha8Rng,
    tensors: Vec<SidecarTensor>,
}

impl Maker {
    /// A tensor with numbers evenly spread from `middle - spread` to `middle + spread`.
    fn add(&mut self, name: String, shape: &[u64], middle: f32, spread: f32) {
        let count: u64 = shape.iter().product();
        let mut number = || {
            // 24 bits, so that every step is exact on every machine.
            let unit = (self.random.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0;
            middle + unit * spread
        };
        let values = (0..count).map(|_| number()).collect();
        self.tensors.push(SidecarTensor { name, shape: shape.to_vec(), values });
    }

    /// A matrix that keeps the size of what it is applied to: its numbers have the variance 1 over its columns.
    fn matrix(&mut self, name: String, rows: u64, columns: u64) {
        self.add(name, &[rows, columns], 0.0, (3.0 / columns as f32).sqrt());
    }
}

pub(super) fn of(
    family: TinyFamily,
    kind: TinyKind,
    shape: &Shape,
    labels: [usize; 2],
    seed: u64,
) -> Vec<SidecarTensor> {
    let mut maker = Maker { random: ChaCha8Rng::seed_from_u64(seed), tensors: Vec::new() };
    let internlm2 = family == TinyFamily::Internlm2;
    let embedding = if internlm2 { "tok_embeddings" } else { "embed_tokens" };
    maker.add(format!("model.{embedding}.weight"), &[shape.rows, shape.hidden], 0.0, 1.0);
    // Norms of Gemma are stored less one.
    let middle = if family == TinyFamily::Gemma2 { 0.0 } else { 1.0 };
    let norm =
        |maker: &mut Maker, name: String, width: u64| maker.add(name, &[width], middle, 0.25);
    for layer in 0..shape.layers {
        let name = |rest: &str| format!("model.layers.{layer}.{rest}");
        if internlm2 {
            norm(&mut maker, name("attention_norm.weight"), shape.hidden);
            norm(&mut maker, name("ffn_norm.weight"), shape.hidden);
            let packed = (shape.heads + 2 * shape.kv_heads) * shape.head_width;
            maker.matrix(name("attention.wqkv.weight"), packed, shape.hidden);
            maker.matrix(name("attention.wo.weight"), shape.hidden, shape.heads * shape.head_width);
            maker.matrix(name("feed_forward.w1.weight"), shape.feed_forward, shape.hidden);
            maker.matrix(name("feed_forward.w3.weight"), shape.feed_forward, shape.hidden);
            maker.matrix(name("feed_forward.w2.weight"), shape.hidden, shape.feed_forward);
            continue;
        }
        norm(&mut maker, name("input_layernorm.weight"), shape.hidden);
        norm(&mut maker, name("post_attention_layernorm.weight"), shape.hidden);
        if family == TinyFamily::Gemma2 {
            norm(&mut maker, name("pre_feedforward_layernorm.weight"), shape.hidden);
            norm(&mut maker, name("post_feedforward_layernorm.weight"), shape.hidden);
        }
        if family == TinyFamily::Qwen3 {
            norm(&mut maker, name("self_attn.q_norm.weight"), shape.head_width);
            norm(&mut maker, name("self_attn.k_norm.weight"), shape.head_width);
        }
        for (part, heads) in [("q", shape.heads), ("k", shape.kv_heads), ("v", shape.kv_heads)] {
            let rows = heads * shape.head_width;
            maker.matrix(name(&format!("self_attn.{part}_proj.weight")), rows, shape.hidden);
            if family == TinyFamily::Qwen2 {
                maker.add(name(&format!("self_attn.{part}_proj.bias")), &[rows], 0.0, 0.25);
            }
        }
        maker.matrix(name("self_attn.o_proj.weight"), shape.hidden, shape.heads * shape.head_width);
        maker.matrix(name("mlp.gate_proj.weight"), shape.feed_forward, shape.hidden);
        maker.matrix(name("mlp.up_proj.weight"), shape.feed_forward, shape.hidden);
        maker.matrix(name("mlp.down_proj.weight"), shape.hidden, shape.feed_forward);
    }
    norm(&mut maker, "model.norm.weight".to_owned(), shape.hidden);
    head(&mut maker, internlm2, kind, shape);
    if kind == TinyKind::Judge {
        // The output matrix; the embedding, where they are tied.
        let output = if shape.tied { 0 } else { maker.tensors.len() - 1 };
        stand_out(&mut maker.tensors[output].values, shape.hidden as usize, labels);
    }
    maker.tensors
}

/// Makes the rows of two tokens large and opposite: whatever the hidden state, one of the two is likely.
fn stand_out(values: &mut [f32], hidden: usize, [one, other]: [usize; 2]) {
    for column in 0..hidden {
        let number = 64.0 * values[one * hidden + column];
        values[one * hidden + column] = number;
        values[other * hidden + column] = -number;
    }
}

fn head(maker: &mut Maker, internlm2: bool, kind: TinyKind, shape: &Shape) {
    let hidden = shape.hidden;
    match kind {
        TinyKind::Causal | TinyKind::Judge if shape.tied => {}
        TinyKind::Causal | TinyKind::Judge => {
            let name = if internlm2 { "output.weight" } else { "lm_head.weight" };
            maker.matrix(name.to_owned(), shape.rows, hidden);
        }
        TinyKind::Classifier if internlm2 => maker.matrix("v_head.weight".to_owned(), 1, hidden),
        TinyKind::Classifier => maker.matrix("score.weight".to_owned(), 1, hidden),
        TinyKind::Labels => maker.matrix("score.weight".to_owned(), OBJECTIVES, hidden),
        TinyKind::Layers => {
            maker.matrix("score.0.weight".to_owned(), 32, hidden);
            maker.add("score.0.bias".to_owned(), &[32], 0.0, 0.25);
            maker.matrix("score.2.weight".to_owned(), 1, 32);
            maker.add("score.2.bias".to_owned(), &[1], 0.0, 0.25);
        }
        TinyKind::Gated => {
            maker.matrix("regression_layer.weight".to_owned(), OBJECTIVES, hidden);
            maker.matrix("gating.layers.0.weight".to_owned(), 16, hidden);
            maker.add("gating.layers.0.bias".to_owned(), &[16], 0.0, 0.25);
            maker.matrix("gating.layers.1.weight".to_owned(), OBJECTIVES, 16);
            maker.add("gating.layers.1.bias".to_owned(), &[OBJECTIVES], 0.0, 0.25);
            maker.add("gating.logit_scale".to_owned(), &[1], 1.0, 0.0);
            maker.add("reward_transform_matrix".to_owned(), &[OBJECTIVES, OBJECTIVES], 0.0, 1.0);
        }
    }
}
