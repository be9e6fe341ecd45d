//! Which tensor of a checkpoint becomes which tensor of a GGUF file, for each family.
//!
//! Sources: the model files of transformers, the code of InternLM2, and `src/models/*.cpp` of llama.cpp, which refuses a file with a
//! tensor that it does not look for.

use super::config::{Family, ModelConfig};

/// One tensor of a layer or of the model: where it comes from and what is done to it.
pub(super) struct Rule {
    /// Name in the checkpoint behind the prefix, or behind `layers.N.`.
    pub(super) source: &'static str,
    /// Name in the GGUF file, or behind `blk.N.`.
    pub(super) target: &'static str,
    /// Shape in the checkpoint; one dimension for norms and biases.
    pub(super) shape: Vec<u64>,
    pub(super) change: Change,
}

/// What is done to a tensor.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Change {
    /// Nothing.
    None,
    /// Rows of each head in the order of llama.cpp's rotary pairs.
    Rotary { heads: u64 },
    /// One more: norms of Gemma are stored less one.
    PlusOne,
    /// Every number times this.
    Times(f32),
    /// One part of InternLM2's packed matrix; queries and keys in the order of rotary pairs.
    Packed(Part),
}

/// Parts of a matrix that holds, for each key and value head, the queries that share it, its keys and its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Queries,
    Keys,
    Values,
}

/// Tensors outside of layers; the output matrix is not among them.
pub(super) fn outer(config: &ModelConfig) -> Vec<Rule> {
    let embedding = match config.family {
        Family::Internlm2 => "tok_embeddings.weight",
        _ => "embed_tokens.weight",
    };
    let shape = vec![config.vocabulary as u64, config.hidden];
    vec![
        Rule { source: embedding, target: "token_embd.weight", shape, change: Change::None },
        norm(config, "norm.weight", "output_norm.weight", config.hidden),
    ]
}

/// Tensors of one layer.
pub(super) fn layer(config: &ModelConfig) -> Vec<Rule> {
    match config.family {
        Family::Internlm2 => internlm2(config),
        _ => standard(config),
    }
}

fn norm(config: &ModelConfig, source: &'static str, target: &'static str, width: u64) -> Rule {
    let change = if config.family == Family::Gemma2 { Change::PlusOne } else { Change::None };
    Rule { source, target, shape: vec![width], change }
}

fn standard(config: &ModelConfig) -> Vec<Rule> {
    let (hidden, inner) = (config.hidden, config.feed_forward);
    let queries = config.heads * config.head_width;
    let keys = config.kv_heads * config.head_width;
    let rotary = |heads| match config.architecture() {
        "llama" => Change::Rotary { heads },
        _ => Change::None,
    };
    let query_change = match config.query_factor() {
        Some(factor) => Change::Times(factor),
        None => rotary(config.heads),
    };
    let rule = |source, target, shape: &[u64], change| Rule {
        source,
        target,
        shape: shape.to_vec(),
        change,
    };
    let plain = |source, target, shape: &[u64]| rule(source, target, shape, Change::None);
    let mut rules = vec![
        norm(config, "input_layernorm.weight", "attn_norm.weight", hidden),
        rule("self_attn.q_proj.weight", "attn_q.weight", &[queries, hidden], query_change.clone()),
        rule("self_attn.k_proj.weight", "attn_k.weight", &[keys, hidden], rotary(config.kv_heads)),
        plain("self_attn.v_proj.weight", "attn_v.weight", &[keys, hidden]),
        plain("self_attn.o_proj.weight", "attn_output.weight", &[hidden, queries]),
        plain("mlp.gate_proj.weight", "ffn_gate.weight", &[inner, hidden]),
        plain("mlp.up_proj.weight", "ffn_up.weight", &[inner, hidden]),
        plain("mlp.down_proj.weight", "ffn_down.weight", &[hidden, inner]),
    ];
    if config.family == Family::Gemma2 {
        rules.push(norm(
            config,
            "post_attention_layernorm.weight",
            "post_attention_norm.weight",
            hidden,
        ));
        rules.push(norm(config, "pre_feedforward_layernorm.weight", "ffn_norm.weight", hidden));
        rules.push(norm(
            config,
            "post_feedforward_layernorm.weight",
            "post_ffw_norm.weight",
            hidden,
        ));
    } else {
        rules.push(norm(config, "post_attention_layernorm.weight", "ffn_norm.weight", hidden));
    }
    if config.family == Family::Qwen3 {
        rules.push(norm(
            config,
            "self_attn.q_norm.weight",
            "attn_q_norm.weight",
            config.head_width,
        ));
        rules.push(norm(
            config,
            "self_attn.k_norm.weight",
            "attn_k_norm.weight",
            config.head_width,
        ));
    }
    let says = |key: &str| config.raw.get(key).is_some_and(|value| value == true);
    let biased = says("attention_bias") && config.family != Family::Gemma2;
    if biased || config.family == Family::Qwen2 {
        rules.push(rule("self_attn.q_proj.bias", "attn_q.bias", &[queries], query_change));
        rules.push(rule("self_attn.k_proj.bias", "attn_k.bias", &[keys], rotary(config.kv_heads)));
        rules.push(plain("self_attn.v_proj.bias", "attn_v.bias", &[keys]));
    }
    if config.family == Family::Llama {
        if biased {
            rules.push(plain("self_attn.o_proj.bias", "attn_output.bias", &[hidden]));
        }
        if says("mlp_bias") {
            rules.push(plain("mlp.gate_proj.bias", "ffn_gate.bias", &[inner]));
            rules.push(plain("mlp.up_proj.bias", "ffn_up.bias", &[inner]));
            rules.push(plain("mlp.down_proj.bias", "ffn_down.bias", &[hidden]));
        }
    }
    rules
}

fn internlm2(config: &ModelConfig) -> Vec<Rule> {
    let (hidden, inner) = (config.hidden, config.feed_forward);
    let packed = (config.heads + 2 * config.kv_heads) * config.head_width;
    let rule = |source, target, shape: &[u64], change| Rule {
        source,
        target,
        shape: shape.to_vec(),
        change,
    };
    let part = |target, part| {
        rule("attention.wqkv.weight", target, &[packed, hidden], Change::Packed(part))
    };
    let plain = |source, target, shape: &[u64]| rule(source, target, shape, Change::None);
    let mut rules = vec![
        norm(config, "attention_norm.weight", "attn_norm.weight", hidden),
        part("attn_q.weight", Part::Queries),
        part("attn_k.weight", Part::Keys),
        part("attn_v.weight", Part::Values),
        plain("attention.wo.weight", "attn_output.weight", &[hidden, hidden]),
        norm(config, "ffn_norm.weight", "ffn_norm.weight", hidden),
        plain("feed_forward.w1.weight", "ffn_gate.weight", &[inner, hidden]),
        plain("feed_forward.w3.weight", "ffn_up.weight", &[inner, hidden]),
        plain("feed_forward.w2.weight", "ffn_down.weight", &[hidden, inner]),
    ];
    // The configuration's class has biases unless a file says otherwise.
    if config.raw.get("bias") != Some(&false.into()) {
        let part =
            |target, part| rule("attention.wqkv.bias", target, &[packed], Change::Packed(part));
        rules.push(part("attn_q.bias", Part::Queries));
        rules.push(part("attn_k.bias", Part::Keys));
        rules.push(part("attn_v.bias", Part::Values));
        rules.push(plain("attention.wo.bias", "attn_output.bias", &[hidden]));
    }
    rules
}

/// For each row of a tensor in llama.cpp's order, the row of the checkpoint it is.
///
/// transformers rotates number `i` of a head with number `i + width / 2`; llama.cpp, for these architectures, number `2 i` with number
/// `2 i + 1`.
pub(super) fn rows(change: &Change, config: &ModelConfig) -> Option<Vec<u64>> {
    let width = config.head_width;
    let paired = move |head: u64| {
        (0..width).map(move |row| head * width + (row % 2) * (width / 2) + row / 2)
    };
    let straight = move |head: u64| head * width..(head + 1) * width;
    // Heads of one key and value head lie together: its queries, its keys, its values.
    let group = config.heads / config.kv_heads;
    let step = group + 2;
    match change {
        Change::None | Change::PlusOne | Change::Times(_) => None,
        Change::Rotary { heads } => Some((0..*heads).flat_map(paired).collect()),
        Change::Packed(Part::Queries) => Some(
            (0..config.heads)
                .map(|head| head / group * step + head % group)
                .flat_map(paired)
                .collect(),
        ),
        Change::Packed(Part::Keys) => {
            Some((0..config.kv_heads).map(|head| head * step + group).flat_map(paired).collect())
        }
        Change::Packed(Part::Values) => Some(
            (0..config.kv_heads).map(|head| head * step + group + 1).flat_map(straight).collect(),
        ),
    }
}
