//! Sizes, heads and vocabularies of models in words.

use std::collections::BTreeMap;

use tribunal_models::head::{Activation, Bins, Combine, HeadDescription, PromptEnd, ReadAt};
use tribunal_models::text_rules::{Normalizer, SpacePrefix};

use crate::render::plain;

/// A size in bytes, in the unit that gives it one to three digits before the point.
pub(super) fn size(bytes: u64) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB"];
    let mut size = bytes as f64;
    let mut unit = 0;
    while size >= 999.95 && unit + 1 < units.len() {
        size /= 1e3;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} bytes") } else { format!("{size:.1} {}", units[unit]) }
}

/// A number with commas between its thousands.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 layer`, `2 layers`.
pub(super) fn some(number: usize, one: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{} {one}{end}", grouped(number as u64))
}

/// How many tensors of each type there are.
pub(super) fn tensors(tensors: &BTreeMap<String, u64>) -> String {
    let each: Vec<String> = tensors
        .iter()
        .map(|(kind, count)| format!("{} {}", grouped(*count), plain(kind)))
        .collect();
    each.join(", ")
}

/// A head on one line.
pub(super) fn head(head: &HeadDescription) -> String {
    let mut words = vec![some(head.layers.len(), "linear layer")];
    let between: Vec<&str> = head
        .layers
        .iter()
        .map(|layer| layer.activation)
        .filter(|each| *each != Activation::None)
        .map(activation)
        .collect();
    if !between.is_empty() {
        words[0].push_str(&format!(" ({})", between.join(", ")));
    }
    match &head.bins {
        Bins::One => {}
        Bins::Distribution { values } => {
            words.push(format!("{} per objective", some(values.len(), "bin")))
        }
        Bins::Quantiles { count } => {
            words.push(format!("{} per objective", some(*count, "quantile")))
        }
    }
    let names: Vec<String> = head.objectives.iter().map(|name| plain(name)).collect();
    let listed = match names.len() {
        0..=8 => names.join(", "),
        more => format!("{} and {} more", names[..8].join(", "), more - 8),
    };
    words.push(match (&head.combine, names.len()) {
        (Combine::Gate(_), count) => {
            format!("{} weighed by a gate: {listed}", some(count, "objective"))
        }
        (_, 1) => "one score".to_owned(),
        (Combine::Index(index), count) => {
            let chosen = names.get(*index).map_or("", String::as_str);
            format!("`{chosen}` of {count} labels ({listed})")
        }
        (Combine::Weights(_), count) => format!("weighted sum of {count} labels ({listed})"),
    });
    words.push(match &head.read_at {
        ReadAt::LastToken => "read at the last token".to_owned(),
        ReadAt::LastBeforePadding { padding } => {
            format!("read at the last token that is not {padding}, which fills rows")
        }
        ReadAt::AppendedToken { id } => format!("read at token {id}, which is put behind the text"),
    });
    if let Combine::Gate(gate) = &head.combine {
        words.push(match &gate.prompt_end {
            PromptEnd::Prompt => "gate at the end of the prompt".to_owned(),
            PromptEnd::Pattern { tokens } => {
                let ids: Vec<String> = tokens.iter().map(u32::to_string).collect();
                format!("gate where the tokens {} begin for the last time", ids.join(" "))
            }
        });
    }
    if head.factor != 1.0 {
        words.push(format!("times {}", head.factor));
    }
    if head.offset != 0.0 {
        words.push(format!("plus {}", head.offset));
    }
    words.join("; ")
}

fn activation(activation: Activation) -> &'static str {
    match activation {
        Activation::None => "none",
        Activation::Relu => "relu",
        Activation::Silu => "silu",
        Activation::Gelu => "gelu",
        Activation::GeluTanh => "gelu-tanh",
        Activation::Tanh => "tanh",
        Activation::Selu => "selu",
        Activation::Sigmoid => "sigmoid",
    }
}

/// How texts become tokens, on one line.
pub(super) fn tokenizer(
    model: &str,
    pre: &str,
    normalizer: Normalizer,
    space_prefix: SpacePrefix,
) -> String {
    let mut words = vec![match model {
        "gpt2" => format!("byte-level BPE split as `{}`", plain(pre)),
        "llama" => "BPE over pieces".to_owned(),
        other => plain(other),
    }];
    match normalizer {
        Normalizer::None => {}
        Normalizer::Nfc => words.push("texts in normal form C".to_owned()),
        Normalizer::Nfkc => words.push("texts in normal form KC".to_owned()),
    }
    match space_prefix {
        SpacePrefix::None => {}
        SpacePrefix::First => words.push("a space before the text".to_owned()),
        SpacePrefix::Each => words.push("a space before every stretch".to_owned()),
    }
    words.join("; ")
}

/// Lines of a name and what it is, the names in one column.
pub(super) fn lines(facts: &[(&str, String)]) -> String {
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    facts.iter().map(|(name, text)| format!("  {name:width$}  {text}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_at_most_three_digits_before_the_point() {
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(1_000), "1.0 kB");
        assert_eq!(size(999_960), "1.0 MB");
        assert_eq!(size(16_060_522_496), "16.1 GB");
    }

    #[test]
    fn thousands_are_told_apart() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1_837_312), "1,837,312");
        assert_eq!(grouped(100_000), "100,000");
    }
}
