//! What `config.json` says of a model.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::ImportError;
use super::rope::Rope;
use crate::vocabulary::MOST_ROWS;

/// Families of models that are known, by `model_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Llama,
    Mistral,
    Qwen2,
    Qwen3,
    Gemma2,
    Internlm2,
}

/// A model's dimensions and settings, checked as far as one file can be.
#[derive(Debug)]
pub(super) struct ModelConfig {
    pub(super) path: PathBuf,
    pub(super) raw: Map<String, Value>,
    /// The model's class, such as `LlamaForSequenceClassification`.
    pub(super) class: String,
    pub(super) model_type: String,
    pub(super) family: Family,
    pub(super) hidden: u64,
    pub(super) layers: u64,
    pub(super) heads: u64,
    pub(super) kv_heads: u64,
    pub(super) head_width: u64,
    pub(super) feed_forward: u64,
    /// Rows of the embedding.
    pub(super) vocabulary: usize,
    /// Longest text in tokens that is computed as the model was trained.
    pub(super) context: u64,
    pub(super) epsilon: f64,
    /// Whether the embedding is the output matrix too.
    pub(super) tied: bool,
    pub(super) rope: Rope,
    /// For Gemma 2: how far its sliding layers look back, in tokens.
    pub(super) window: Option<u64>,
    pub(super) notes: Vec<String>,
}

impl ModelConfig {
    pub(super) fn read(folder: &Path) -> Result<Self, ImportError> {
        let path = folder.join("config.json");
        let text = std::fs::read(&path)
            .map_err(|cause| ImportError::Read { path: path.clone(), cause })?;
        let raw = serde_json::from_slice(&text)
            .map_err(|cause| ImportError::Json { path: path.clone(), cause })?;
        let keys = Keys { path: &path, raw: &raw };
        let class = match keys.raw.get("architectures").and_then(|list| list[0].as_str()) {
            Some(class) => class.to_owned(),
            None => return Err(keys.wrong("architectures", "a list with the model's class")),
        };
        let model_type =
            keys.raw.get("model_type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let family = match model_type.as_str() {
            "llama" => Family::Llama,
            "mistral" => Family::Mistral,
            "qwen2" => Family::Qwen2,
            "qwen3" => Family::Qwen3,
            "gemma2" => Family::Gemma2,
            "internlm2" => Family::Internlm2,
            _ => return Err(ImportError::Class { path, model_type, class }),
        };
        if keys.raw.get("quantization_config").is_some_and(|value| !value.is_null()) {
            return Err(
                keys.wrong("quantization_config", "absent: the weights have to be unquantised")
            );
        }
        let hidden = keys.whole("hidden_size", None, 1 << 20)?;
        let heads = keys.whole("num_attention_heads", None, 1 << 16)?;
        let layers = keys.whole("num_hidden_layers", None, 512)?;
        let kv_heads = keys.whole("num_key_value_heads", Some(heads), heads)?;
        if heads % kv_heads != 0 {
            return Err(keys.wrong("num_key_value_heads", "a divisor of `num_attention_heads`"));
        }
        let usual = match family {
            Family::Qwen3 => 128,
            Family::Gemma2 => 256,
            Family::Llama | Family::Mistral | Family::Qwen2 | Family::Internlm2 => hidden / heads,
        };
        let head_width = keys.whole("head_dim", Some(usual), 1 << 16)?;
        let fixed = matches!(family, Family::Qwen2 | Family::Internlm2);
        if head_width % 2 != 0 || fixed && head_width * heads != hidden {
            return Err(
                keys.wrong("head_dim", "even and, for this type, `hidden_size` over the heads")
            );
        }
        let feed_forward = keys.whole("intermediate_size", None, 1 << 24)?;
        let vocabulary = keys.whole("vocab_size", None, MOST_ROWS as u64)? as usize;
        let positions = keys.whole("max_position_embeddings", None, 1 << 31)?;
        let epsilon = keys.number("rms_norm_eps", 1e-6)?;
        let tied = keys.truth("tie_word_embeddings", family == Family::Gemma2)?;
        keys.check_activation(family)?;
        keys.number("query_pre_attn_scalar", 256.0)?;
        let biased = family == Family::Internlm2 && keys.truth("bias", true)?;
        if biased && class.ends_with("ForCausalLM") {
            let found = if raw.contains_key("bias") { "true" } else { "absent, which is true" };
            return Err(ImportError::NoEqual {
                path,
                key: "bias".to_owned(),
                found: found.to_owned(),
                architecture: "internlm2",
            });
        }
        let mut notes = Vec::new();
        let rope = Rope::read(&keys, family, positions, &mut notes)?;
        let longest = rope.longest(positions);
        let (context, window) = keys.window(family, layers, longest, &mut notes)?;
        Ok(Self {
            class,
            model_type,
            family,
            hidden,
            layers,
            heads,
            kv_heads,
            head_width,
            feed_forward,
            vocabulary,
            context,
            epsilon,
            tied,
            rope,
            window,
            notes,
            raw: raw.clone(),
            path,
        })
    }

    pub(super) fn keys(&self) -> Keys<'_> {
        Keys { path: &self.path, raw: &self.raw }
    }

    /// The token that fills short rows of a batch, as the class of the model takes it from its configuration.
    pub(super) fn padding(&self) -> Option<u32> {
        let id = match (self.raw.get("pad_token_id"), self.family) {
            (Some(id), _) => id.as_u64(),
            (None, Family::Gemma2) => Some(0),
            (None, Family::Internlm2) => Some(2),
            (None, _) => None,
        };
        id.and_then(|id| u32::try_from(id).ok())
    }

    /// Whether the class is a language model, whose output is a distribution over tokens.
    pub(super) fn is_causal(&self) -> bool {
        self.class.ends_with("ForCausalLM")
    }

    /// What queries of Gemma 2 have to be multiplied by; `None` when that is 1, and for other families.
    ///
    /// llama.cpp divides by the root of a head's width or, for 46 layers, of the hidden size over the heads. The model divides by the
    /// root of `query_pre_attn_scalar`.
    pub(super) fn query_factor(&self) -> Option<f32> {
        if self.family != Family::Gemma2 {
            return None;
        }
        let wanted = self.keys().number("query_pre_attn_scalar", 256.0).unwrap_or(256.0);
        let done = if self.layers == 46 { self.hidden / self.heads } else { self.head_width };
        let factor = (done as f64 / wanted).sqrt();
        if factor == 1.0 { None } else { Some(factor as f32) }
    }

    /// llama.cpp's name of the architecture.
    ///
    /// llama.cpp wants an output matrix of `internlm2` and not of `llama`, and computes both alike; so an InternLM2 model without one is
    /// written as `llama`.
    pub(super) fn architecture(&self) -> &'static str {
        match self.family {
            Family::Llama | Family::Mistral => "llama",
            Family::Qwen2 => "qwen2",
            Family::Qwen3 => "qwen3",
            Family::Gemma2 => "gemma2",
            Family::Internlm2 if self.is_causal() => "internlm2",
            Family::Internlm2 => "llama",
        }
    }
}

/// Reading single keys.
pub(super) struct Keys<'a> {
    pub(super) path: &'a Path,
    pub(super) raw: &'a Map<String, Value>,
}

impl<'a> Keys<'a> {
    pub(super) fn wrong(&self, key: &str, wanted: &str) -> ImportError {
        let found = match self.raw.get(key) {
            None => "absent".to_owned(),
            Some(value) => format!("`{value}`"),
        };
        ImportError::Key {
            path: self.path.to_owned(),
            key: key.to_owned(),
            found,
            wanted: wanted.to_owned(),
        }
    }

    /// What stands under a key; nothing for `null`.
    pub(super) fn value(&self, key: &str) -> Option<&'a Value> {
        self.raw.get(key).filter(|value| !value.is_null())
    }

    /// A whole number from 1 to `most`.
    pub(super) fn whole(
        &self,
        key: &str,
        usual: Option<u64>,
        most: u64,
    ) -> Result<u64, ImportError> {
        let found = match self.value(key) {
            None => usual,
            Some(value) => value.as_u64(),
        };
        match found {
            Some(found) if (1..=most).contains(&found) => Ok(found),
            _ => Err(self.wrong(key, &format!("a whole number from 1 to {most}"))),
        }
    }

    /// A number above 0.
    pub(super) fn number(&self, key: &str, usual: f64) -> Result<f64, ImportError> {
        let found = self.value(key).map_or(Some(usual), Value::as_f64);
        found
            .filter(|found| *found > 0.0 && found.is_finite())
            .ok_or_else(|| self.wrong(key, "a number above 0"))
    }

    pub(super) fn truth(&self, key: &str, usual: bool) -> Result<bool, ImportError> {
        let found = self.value(key).map_or(Some(usual), Value::as_bool);
        found.ok_or_else(|| self.wrong(key, "true or false"))
    }

    /// llama.cpp knows one activation for each architecture.
    fn check_activation(&self, family: Family) -> Result<(), ImportError> {
        let (keys, known): (&[&str], &[&str]) = match family {
            // Old files of Gemma 2 say `gelu` where the approximation is meant, and transformers takes it so.
            Family::Gemma2 => {
                (&["hidden_activation", "hidden_act"], &["gelu_pytorch_tanh", "gelu"])
            }
            _ => (&["hidden_act"], &["silu", "swish"]),
        };
        let Some(key) = keys.iter().find(|key| self.value(key).is_some()) else { return Ok(()) };
        let found = self.value(key).and_then(Value::as_str).unwrap_or_default();
        if known.contains(&found) {
            Ok(())
        } else {
            Err(self.wrong(key, &format!("`{}`", known[0])))
        }
    }

    /// Longest text, and the window of Gemma 2.
    ///
    /// llama.cpp has sliding windows for Gemma 2 alone of these architectures. Within the window a model with one computes the same as
    /// without, so the longest text is cut down to it.
    fn window(
        &self,
        family: Family,
        layers: u64,
        longest: u64,
        notes: &mut Vec<String>,
    ) -> Result<(u64, Option<u64>), ImportError> {
        let sliding = |kind: &Value| kind == "sliding_attention";
        let kinds = self.value("layer_types").and_then(Value::as_array);
        if family == Family::Gemma2 {
            let window = self.whole("sliding_window", Some(4096), 1 << 31)?;
            let alternate = |kinds: &Vec<Value>| {
                kinds.len() as u64 == layers
                    && kinds.iter().enumerate().all(|(i, kind)| sliding(kind) == (i % 2 == 0))
            };
            if kinds.is_some_and(|kinds| !alternate(kinds)) {
                return Err(self.wrong("layer_types", "sliding and full attention in turn"));
            }
            return Ok((longest, Some(window)));
        }
        let usual = if family == Family::Mistral && !self.raw.contains_key("sliding_window") {
            Some(4096)
        } else {
            None
        };
        let window = match self.value("sliding_window") {
            None => usual,
            Some(_) => Some(self.whole("sliding_window", None, 1 << 31)?),
        };
        let used = match family {
            Family::Qwen2 | Family::Qwen3 => {
                let from = self.value("max_window_layers").and_then(Value::as_u64).unwrap_or(28);
                self.truth("use_sliding_window", false)?
                    && kinds.map_or(from < layers, |kinds| kinds.iter().any(sliding))
            }
            Family::Mistral => true,
            Family::Llama | Family::Internlm2 | Family::Gemma2 => {
                kinds.is_some_and(|kinds| kinds.iter().any(sliding))
            }
        };
        match window.filter(|window| used && *window < longest) {
            None => Ok((longest, None)),
            Some(window) => {
                notes.push(format!(
                    "the model looks back {window} tokens, which llama.cpp has no equal for here; the longest text is cut from {longest} \
                     to {window} tokens, within which both are the same"
                ));
                Ok((window, None))
            }
        }
    }
}
