//! Configurations of small models, and the dimensions that weights have to have.

use serde_json::{Value, json};

use super::tokenizer::Tokenizer;
use super::{TinyFamily, TinyKind};

/// Dimensions.
pub(super) struct Shape {
    pub(super) hidden: u64,
    pub(super) layers: u64,
    pub(super) heads: u64,
    pub(super) kv_heads: u64,
    pub(super) head_width: u64,
    pub(super) feed_forward: u64,
    /// Rows of the embedding.
    pub(super) rows: u64,
    pub(super) tied: bool,
}

/// Objectives of a gated head, and labels of one with several.
pub(super) const OBJECTIVES: u64 = 3;

impl Shape {
    pub(super) fn of(family: TinyFamily, tokens: usize) -> Self {
        let tokens = tokens as u64;
        Self {
            hidden: 64,
            layers: if family == TinyFamily::Llama { 3 } else { 2 },
            heads: 4,
            kv_heads: 2,
            head_width: match family {
                TinyFamily::Qwen3 | TinyFamily::Gemma2 => 32,
                _ => 16,
            },
            feed_forward: if family == TinyFamily::Mistral { 144 } else { 160 },
            rows: if family == TinyFamily::Qwen2 { tokens.next_multiple_of(128) } else { tokens },
            tied: matches!(family, TinyFamily::Qwen3 | TinyFamily::Gemma2),
        }
    }
}

/// What `config.json` holds.
pub(super) fn of(
    family: TinyFamily,
    kind: TinyKind,
    shape: &Shape,
    tokenizer: &Tokenizer,
) -> Value {
    let (model_type, stem) = match family {
        TinyFamily::Llama => ("llama", "Llama"),
        TinyFamily::Mistral => ("mistral", "Mistral"),
        TinyFamily::Qwen2 => ("qwen2", "Qwen2"),
        TinyFamily::Qwen3 => ("qwen3", "Qwen3"),
        TinyFamily::Gemma2 => ("gemma2", "Gemma2"),
        TinyFamily::Internlm2 => ("internlm2", "InternLM2"),
    };
    let class = match kind {
        TinyKind::Causal | TinyKind::Judge => format!("{stem}ForCausalLM"),
        TinyKind::Classifier if family == TinyFamily::Internlm2 => format!("{stem}ForRewardModel"),
        TinyKind::Classifier | TinyKind::Labels => format!("{stem}ForSequenceClassification"),
        TinyKind::Layers => "INFORMForSequenceClassification".to_owned(),
        TinyKind::Gated => format!("{stem}ForRewardModelWithGating"),
    };
    let mut config = json!({
        "architectures": [class],
        "model_type": model_type,
        "attention_bias": false,
        "attention_dropout": 0.0,
        "bos_token_id": tokenizer.bos.map_or(Value::Null, |bos| tokenizer.id(bos)),
        "eos_token_id": tokenizer.id(tokenizer.eos),
        "pad_token_id": tokenizer.id(tokenizer.pad),
        "head_dim": shape.head_width,
        "hidden_act": "silu",
        "hidden_size": shape.hidden,
        "initializer_range": 0.02,
        "intermediate_size": shape.feed_forward,
        "max_position_embeddings": 512,
        "num_attention_heads": shape.heads,
        "num_hidden_layers": shape.layers,
        "num_key_value_heads": shape.kv_heads,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "rope_scaling": null,
        "tie_word_embeddings": shape.tied,
        "torch_dtype": "float32",
        "use_cache": true,
        "vocab_size": shape.rows,
    });
    let mut set = |key: &str, value: Value| config[key] = value;
    match family {
        TinyFamily::Llama => {
            set("mlp_bias", false.into());
            let scaling = json!({
                "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64,
            });
            set("rope_scaling", scaling);
        }
        TinyFamily::Mistral => set("sliding_window", 256.into()),
        TinyFamily::Qwen2 | TinyFamily::Qwen3 => {
            set("rope_theta", 1e6.into());
            set("rope_parameters", json!({"rope_type": "default", "rope_theta": 1e6}));
            set("sliding_window", Value::Null);
            set("use_sliding_window", false.into());
        }
        TinyFamily::Gemma2 => {
            set("hidden_act", "gelu_pytorch_tanh".into());
            set("hidden_activation", "gelu_pytorch_tanh".into());
            set("query_pre_attn_scalar", 16.into());
            set("sliding_window", 32.into());
            // Small enough to be felt by random weights.
            set("attn_logit_softcapping", 5.0.into());
            let cap = if kind == TinyKind::Judge { 30.0 } else { 3.0 };
            set("final_logit_softcapping", cap.into());
        }
        TinyFamily::Internlm2 => {
            set("bias", false.into());
            if kind == TinyKind::Classifier {
                set("reward_token_id", tokenizer.id("<|reward|>"));
            }
        }
    }
    match kind {
        TinyKind::Causal | TinyKind::Judge => {}
        TinyKind::Classifier | TinyKind::Layers => {
            set("id2label", json!({"0": "LABEL_0"}));
            set("label2id", json!({"LABEL_0": 0}));
        }
        TinyKind::Labels => {
            set("id2label", json!({"0": "helpful", "1": "correct", "2": "verbose"}));
            set("label2id", json!({"helpful": 0, "correct": 1, "verbose": 2}));
        }
        TinyKind::Gated => {
            set("num_objectives", OBJECTIVES.into());
            set("gating_temperature", 10.into());
        }
    }
    config
}
