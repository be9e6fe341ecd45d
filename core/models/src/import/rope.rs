//! Rotary positions: how `config.json` scales them, and what llama.cpp is told.

use serde_json::{Map, Value};

use super::ImportError;
use super::config::{Family, Keys};

/// Base and scaling of the angles.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rope {
    pub(super) base: f64,
    pub(super) scaling: Scaling,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scaling {
    None,
    Linear {
        factor: f64,
    },
    /// Llama 3: long waves are stretched, short ones kept.
    Llama3 {
        factor: f64,
        low: f64,
        high: f64,
        original: f64,
    },
    Yarn {
        factor: f64,
        original: u64,
        attention: f64,
    },
}

impl Rope {
    /// Reads `rope_parameters` of newer files, or `rope_theta` and `rope_scaling` of older ones.
    pub(super) fn read(
        keys: &Keys<'_>,
        family: Family,
        positions: u64,
        notes: &mut Vec<String>,
    ) -> Result<Self, ImportError> {
        let empty = Map::new();
        let key = if keys.value("rope_parameters").is_some() {
            "rope_parameters"
        } else {
            "rope_scaling"
        };
        let table = match keys.value(key) {
            None => &empty,
            Some(Value::Object(table)) => table,
            Some(_) => return Err(keys.wrong(key, "an object")),
        };
        let inner = Keys { path: keys.path, raw: table };
        if keys.number("partial_rotary_factor", 1.0)? != 1.0
            || inner.number("partial_rotary_factor", 1.0)? != 1.0
        {
            return Err(keys.wrong("partial_rotary_factor", "1 or absent"));
        }
        let base = keys.number("rope_theta", 10_000.0)?;
        let base = inner.number("rope_theta", base)?;
        let kind = inner.value("rope_type").or_else(|| inner.value("type")).and_then(Value::as_str);
        let scaling = match kind {
            None if table.values().any(Value::is_object) => {
                return Err(keys.wrong(key, "one object for all layers"));
            }
            None | Some("default") => Scaling::None,
            Some("linear") => Scaling::Linear { factor: inner.number("factor", 1.0)? },
            Some("dynamic") => {
                notes.push(format!(
                    "positions beyond {positions} tokens are scaled as texts grow, which llama.cpp has no equal for; shorter texts are not \
                     scaled"
                ));
                Scaling::None
            }
            Some("llama3") if matches!(family, Family::Llama | Family::Mistral) => {
                Scaling::Llama3 {
                    factor: inner.number("factor", 8.0)?,
                    low: inner.number("low_freq_factor", 1.0)?,
                    high: inner.number("high_freq_factor", 4.0)?,
                    original: inner.number("original_max_position_embeddings", 8192.0)?,
                }
            }
            Some("yarn") => yarn(keys, &inner, key, positions)?,
            Some(_) => {
                return Err(keys
                    .wrong(key, "`default`, `linear`, `dynamic`, `yarn` or, for Llama, `llama3`"));
            }
        };
        Ok(Self { base, scaling })
    }

    /// The longest text in tokens, given `max_position_embeddings`.
    pub(super) fn longest(&self, positions: u64) -> u64 {
        match self.scaling {
            Scaling::Yarn { factor, original, .. } => {
                positions.max((original as f64 * factor) as u64).min(u64::from(u32::MAX))
            }
            Scaling::None | Scaling::Linear { .. } | Scaling::Llama3 { .. } => positions,
        }
    }

    /// What the angle of each pair of a head is divided by, for Llama 3; `width` is that of a head.
    ///
    /// Source: `_compute_llama3_parameters` in transformers, `modeling_rope_utils.py`.
    pub(super) fn divisors(&self, width: u64) -> Option<Vec<f32>> {
        let Scaling::Llama3 { factor, low, high, original } = self.scaling else { return None };
        let divisor = |pair: u64| {
            let wave = std::f64::consts::TAU * self.base.powf(2.0 * pair as f64 / width as f64);
            if wave < original / high {
                1.0
            } else if wave > original / low {
                factor
            } else {
                let smooth = (original / wave - low) / (high - low);
                1.0 / ((1.0 - smooth) / factor + smooth)
            }
        };
        Some((0..width / 2).map(|pair| divisor(pair) as f32).collect())
    }
}

fn yarn(
    keys: &Keys<'_>,
    inner: &Keys<'_>,
    key: &str,
    positions: u64,
) -> Result<Scaling, ImportError> {
    let factor = inner.number("factor", 1.0)?;
    // llama.cpp reads none of these for the architectures here.
    let fixed = inner.number("beta_fast", 32.0)? == 32.0
        && inner.number("beta_slow", 1.0)? == 1.0
        && inner.value("mscale").is_none()
        && inner.value("mscale_all_dim").is_none()
        && inner.truth("truncate", true)?;
    if !fixed {
        return Err(keys.wrong(key, "YaRN with the usual `beta_fast`, `beta_slow` and scale"));
    }
    let original = inner.whole("original_max_position_embeddings", Some(positions), 1 << 31)?;
    // llama.cpp multiplies angles by this itself; what a file says goes on top.
    let usual = if factor <= 1.0 { 1.0 } else { 0.1 * factor.ln() + 1.0 };
    let attention = inner.number("attention_factor", usual)? / usual;
    Ok(Scaling::Yarn { factor, original, attention })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    fn read(config: serde_json::Value, family: Family) -> Result<Rope, ImportError> {
        let raw = config.as_object().unwrap().clone();
        Rope::read(
            &Keys { path: Path::new("config.json"), raw: &raw },
            family,
            32_768,
            &mut Vec::new(),
        )
    }

    #[test]
    fn old_and_new_files_say_the_same() {
        let old = json!({"rope_theta": 1e6, "rope_scaling": {"type": "linear", "factor": 4.0}});
        let new =
            json!({"rope_parameters": {"rope_theta": 1e6, "rope_type": "linear", "factor": 4.0}});
        let wanted = Rope { base: 1e6, scaling: Scaling::Linear { factor: 4.0 } };
        assert_eq!(read(old, Family::Qwen2).unwrap(), wanted);
        assert_eq!(read(new, Family::Qwen2).unwrap(), wanted);
        assert_eq!(
            read(json!({}), Family::Llama).unwrap(),
            Rope { base: 1e4, scaling: Scaling::None }
        );
    }

    #[test]
    fn llama_3_divides_long_waves_and_keeps_short_ones() {
        // Llama 3.1: base 5e5, factor 8, low 1, high 4, original 8192, width 128. transformers 5.24 divides the inverse frequencies
        // of the pairs by these.
        let rope = Rope {
            base: 5e5,
            scaling: Scaling::Llama3 { factor: 8.0, low: 1.0, high: 4.0, original: 8192.0 },
        };
        let divisors = rope.divisors(128).unwrap();
        assert_eq!(divisors.len(), 64);
        let wanted = [
            (0, 1.0),
            (28, 1.0),
            (29, 1.207_484),
            (32, 2.694_530_4),
            (34, 5.257_327),
            (36, 8.0),
            (63, 8.0),
        ];
        for (pair, wanted) in wanted {
            assert!((divisors[pair] - wanted).abs() < 2e-5 * wanted, "{pair}: {}", divisors[pair]);
        }
    }

    #[test]
    fn llama_3_scaling_is_refused_where_llama_cpp_does_not_read_it() {
        let config = json!({"rope_scaling": {"rope_type": "llama3", "factor": 8.0}});
        assert!(read(config.clone(), Family::Llama).is_ok());
        assert!(read(config, Family::Qwen2).unwrap_err().to_string().contains("`rope_scaling`"));
    }

    #[test]
    fn yarn_keeps_what_is_not_usual_about_its_attention() {
        let usual = 0.1 * 4f64.ln() + 1.0;
        let config = json!({"rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768, "attention_factor": 2.0 * usual}});
        let rope = read(config, Family::Qwen2).unwrap();
        let Scaling::Yarn { attention, .. } = rope.scaling else { panic!("{rope:?}") };
        assert!((attention - 2.0).abs() < 1e-12);
        assert_eq!(rope.longest(32_768), 131_072);
        let odd = json!({"rope_scaling": {"type": "yarn", "factor": 4.0, "beta_fast": 16}});
        assert!(read(odd, Family::Qwen2).is_err());
    }

    #[test]
    fn angles_for_each_kind_of_layer_are_refused() {
        let config = json!({"rope_parameters": {"full_attention": {"rope_theta": 1e6}}});
        assert!(read(config, Family::Llama).is_err());
    }
}
