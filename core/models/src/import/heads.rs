//! Which head a checkpoint has, by the names of the tensors that are not the model's.

use std::collections::BTreeMap;

use serde_json::Value;

use super::config::ModelConfig;
use super::plan::Plan;
use super::{ImportError, ImportOptions, Labels};
use crate::Checkpoint;
use crate::head::{
    Activation, Bins, Combine, FORMAT, Gate, HeadDescription, Layer, PromptEnd, ReadAt,
};
use crate::vocabulary::Vocabulary;

/// Names under which reward models keep one linear layer.
const LINEAR: [&str; 10] = [
    "score",
    "v_head",
    "v_head.summary",
    "value_head",
    "reward_head",
    "regression_head",
    "score_head",
    "rm_head",
    "classifier",
    "value_head.summary",
];
/// Classes whose layers have a ReLU between them, by their published code.
const WITH_RELU: [&str; 2] = ["INFORMForSequenceClassification", "Qwen2ForRewardModel"];
/// The token whose state InternLM2's reward models read, unless a file names another.
const INTERNLM2_TOKEN: u64 = 92_527;
/// The token whose state Athene's models read: Llama 3's `<|reserved_special_token_1|>`.
const ATHENE_TOKEN: u64 = 128_003;
/// What Athene's published checkpoints name as their class; others may use this name as well.
const ATHENE_CHECKPOINT: &str = "CustomAutoModelForSequenceClassification";

struct Finder<'a> {
    config: &'a ModelConfig,
    checkpoint: &'a Checkpoint,
    options: &'a ImportOptions,
}

/// How the names of classes end that read the last token before padding.
const PADDED: [&str; 2] = ["ForSequenceClassification", "ForRewardModelWithGating"];

/// How the names of classes begin whose code is known, before one of these endings.
const FAMILIES: [&str; 6] = ["Llama", "Mistral", "Qwen2", "Qwen3", "Gemma2", "InternLM2"];
/// Other classes whose code is known.
const PUBLISHED: [&str; 4] = [
    "AtheneForSequenceClassification",
    "INFORMForSequenceClassification",
    "InternLM2ForRewardModel",
    "Qwen2ForRewardModel",
];

/// What can be chosen about a head whose shape is known.
#[derive(Clone, Copy)]
enum Choice {
    Labels,
    Activation,
    Cost,
    PromptEnd,
}

impl Choice {
    const ALL: [Self; 4] = [Self::Labels, Self::Activation, Self::Cost, Self::PromptEnd];
}

/// Finds the head; nothing for a language model. Fails when a class that is none has no head that is known.
pub(super) fn find(
    config: &ModelConfig,
    checkpoint: &Checkpoint,
    plan: &mut Plan,
    vocabulary: &Vocabulary,
    options: &ImportOptions,
) -> Result<Option<HeadDescription>, ImportError> {
    let finder = Finder { config, checkpoint, options };
    if let Some(head) = &options.head {
        finder.idle(&Choice::ALL, "the description of its head says that itself")?;
        return Ok(Some(head.clone()));
    }
    if config.is_causal() {
        finder.idle(&Choice::ALL, "it has no head")?;
        return Ok(None);
    }
    let rest = plan.rest(checkpoint);
    let mut head = if rest.contains(&"regression_layer.weight")
        && rest.contains(&"gating.layers.0.weight")
    {
        finder.idle(&[Choice::Labels, Choice::Activation], "its head has a gate")?;
        finder.gated(&rest, vocabulary)?
    } else if let Some(stem) = LINEAR.iter().find(|stem| rest.contains(&&*format!("{stem}.weight")))
    {
        let why = "its head is one linear layer";
        finder.idle(&[Choice::Activation, Choice::PromptEnd], why)?;
        finder.described(vec![finder.layer(&rest, stem, Activation::None)])?
    } else {
        finder.idle(&[Choice::PromptEnd], "its head has no gate")?;
        let layers = finder.layers(&rest)?;
        finder.described(layers)?
    };
    let token = config.keys().value("reward_token_id");
    let usual = finder.usual_token(&head, vocabulary);
    if token.is_some() || usual.is_some() {
        let id = token.map_or(usual, Value::as_u64);
        let id = id.filter(|id| (*id as usize) < config.vocabulary);
        let Some(id) = id else {
            return Err(config
                .keys()
                .wrong("reward_token_id", "the id of a token of the vocabulary"));
        };
        head.read_at = ReadAt::AppendedToken { id: id as u32 };
    } else if PADDED.iter().any(|ending| config.class.ends_with(ending))
        && let Some(padding) = config.padding()
    {
        head.read_at = ReadAt::LastBeforePadding { padding };
    }
    if token.is_none() && !is_known(&config.class) {
        plan.notes.push(format!(
            "where the head is read is assumed, because the code of the class `{}` is not known; `--head` says otherwise",
            config.class
        ));
    }
    if options.cost {
        head.factor = -1.0;
    }
    Ok(Some(head))
}

/// Whether it is known where the class reads.
fn is_known(class: &str) -> bool {
    let family =
        |ending: &&str| class.strip_suffix(*ending).is_some_and(|it| FAMILIES.contains(&it));
    PUBLISHED.contains(&class) || PADDED.iter().any(family)
}

impl Finder<'_> {
    /// The token that the class puts behind a text by its code.
    fn usual_token(&self, head: &HeadDescription, vocabulary: &Vocabulary) -> Option<u64> {
        let athene = || {
            let reserved = vocabulary.tokens.get(ATHENE_TOKEN as usize);
            reserved.is_some_and(|text| text == "<|reserved_special_token_1|>")
                && head
                    .layers
                    .iter()
                    .all(|layer| layer.weight == "v_head.weight" && layer.bias.is_none())
        };
        match self.config.class.as_str() {
            "InternLM2ForRewardModel" => Some(INTERNLM2_TOKEN),
            "AtheneForSequenceClassification" => Some(ATHENE_TOKEN),
            ATHENE_CHECKPOINT if athene() => Some(ATHENE_TOKEN),
            _ => None,
        }
    }

    /// Fails when one of these was chosen although it has no meaning here: ignoring it would turn or change scores unseen.
    fn idle(&self, choices: &[Choice], why: &'static str) -> Result<(), ImportError> {
        for choice in choices {
            let (given, option) = match choice {
                Choice::Labels => (self.options.labels.is_some(), "a choice of labels"),
                Choice::Activation => (self.options.activation.is_some(), "an activation"),
                Choice::Cost => (self.options.cost, "that less is better"),
                Choice::PromptEnd => (self.options.prompt_end.is_some(), "an end of the prompt"),
            };
            if given {
                let path = self.checkpoint.origin().to_owned();
                let class = self.config.class.clone();
                return Err(ImportError::Idle { path, class, option, why });
            }
        }
        Ok(())
    }

    fn no_head(&self, fault: &str) -> ImportError {
        ImportError::NoHead {
            path: self.checkpoint.origin().to_owned(),
            class: self.config.class.clone(),
            fault: fault.to_owned(),
        }
    }

    fn layer(&self, rest: &[&str], stem: &str, activation: Activation) -> Layer {
        let bias = format!("{stem}.bias");
        let bias = rest.contains(&bias.as_str()).then_some(bias);
        Layer { weight: format!("{stem}.weight"), bias, activation }
    }

    /// How many outputs a layer has.
    fn outputs(&self, layer: &Layer) -> usize {
        let shape = self.checkpoint.tensor(&layer.weight).map(|tensor| tensor.shape.as_slice());
        shape.and_then(|shape| shape.first()).copied().unwrap_or(0).min(1 << 20) as usize
    }

    /// Layers that are numbered, such as `score.0` and `score.2`: what is left out in between is an activation.
    fn layers(&self, rest: &[&str]) -> Result<Vec<Layer>, ImportError> {
        let mut stems: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for name in rest {
            let stem = name.strip_suffix(".weight").and_then(|name| name.rsplit_once('.'));
            if let Some((stem, Ok(number))) = stem.map(|(stem, number)| (stem, number.parse())) {
                stems.entry(stem).or_default().push(number);
            }
        }
        let mut stems = stems.into_iter();
        let (Some((stem, mut numbers)), None) = (stems.next(), stems.next()) else {
            return Err(self.no_head("no tensor of it has the name of a known head"));
        };
        numbers.sort_unstable();
        let known = WITH_RELU.contains(&self.config.class.as_str()).then_some(Activation::Relu);
        let mut layers = Vec::new();
        for (index, number) in numbers.iter().enumerate() {
            let activation = match numbers.get(index + 1) {
                Some(next) if next - number > 1 => match self.options.activation.or(known) {
                    Some(activation) => activation,
                    None => {
                        return Err(
                            self.no_head("what stands between the layers of its head is not known")
                        );
                    }
                },
                _ => Activation::None,
            };
            layers.push(self.layer(rest, &format!("{stem}.{number}"), activation));
        }
        Ok(layers)
    }

    /// A head of these layers, whose outputs are labels.
    fn described(&self, layers: Vec<Layer>) -> Result<HeadDescription, ImportError> {
        let count = layers.last().map_or(0, |layer| self.outputs(layer));
        let objectives = match count {
            1 => vec!["score".to_owned()],
            count => self.names(count, "label"),
        };
        let combine = match (&self.options.labels, count) {
            (Some(Labels::Index(index)), _) => Combine::Index(*index),
            (Some(Labels::Weights(weights)), _) => Combine::Weights(weights.clone()),
            (None, 1) => Combine::Index(0),
            (None, _) => {
                let path = self.checkpoint.origin().to_owned();
                return Err(ImportError::Labels { path, labels: objectives });
            }
        };
        Ok(self.head(layers, objectives, None, combine))
    }

    fn head(
        &self,
        layers: Vec<Layer>,
        objectives: Vec<String>,
        transform: Option<String>,
        combine: Combine,
    ) -> HeadDescription {
        HeadDescription {
            format: FORMAT,
            hidden: self.config.hidden as usize,
            read_at: ReadAt::LastToken,
            layers,
            objectives,
            bins: Bins::One,
            transform,
            combine,
            factor: 1.0,
            offset: 0.0,
        }
    }

    /// Names of labels from the configuration, where it has that many different ones.
    fn names(&self, count: usize, usual: &str) -> Vec<String> {
        let table = self.config.keys().value("id2label").and_then(Value::as_object);
        let named = |index: usize| table?.get(&index.to_string())?.as_str().map(str::to_owned);
        let mut names: Vec<String> = (0..count).map_while(named).collect();
        let mut different = names.clone();
        different.sort();
        different.dedup();
        if different.len() != count {
            names = (0..count).map(|index| format!("{usual}-{index}")).collect();
        }
        names
    }

    /// The head of ArmoRM (Wang et al. 2024): objectives at the last token, weighed by a gate that reads the end of the prompt.
    fn gated(
        &self,
        rest: &[&str],
        vocabulary: &Vocabulary,
    ) -> Result<HeadDescription, ImportError> {
        let layers = vec![self.layer(rest, "regression_layer", Activation::None)];
        let count = self.outputs(&layers[0]);
        let stems: Vec<String> = (0..)
            .map(|index| format!("gating.layers.{index}"))
            .take_while(|stem| rest.contains(&&*format!("{stem}.weight")))
            .collect();
        let last = stems.len() - 1;
        let gates = stems.iter().enumerate().map(|(index, stem)| {
            self.layer(rest, stem, if index == last { Activation::None } else { Activation::Relu })
        });
        let gates: Vec<Layer> = gates.collect();
        if gates.last().is_some_and(|layer| self.outputs(layer) != count) {
            return Err(self.no_head("its gate has another number of outputs than its objectives"));
        }
        let optional = |name: &str| rest.contains(&name).then(|| name.to_owned());
        let gate = Gate {
            layers: gates,
            temperature: self.config.keys().number("gating_temperature", 10.0)?,
            scale: optional("gating.logit_scale"),
            prompt_end: self.options.prompt_end.clone().unwrap_or_else(|| prompt_end(vocabulary)),
        };
        let objectives = self.names(count, "objective");
        Ok(self.head(layers, objectives, optional("reward_transform_matrix"), Combine::Gate(gate)))
    }
}

/// Where ArmoRM's code reads its gate: at the token that ends the last question, found as the start of the answer's opening in Llama 3's
/// template. A vocabulary without these tokens has the end of the prompt.
fn prompt_end(vocabulary: &Vocabulary) -> PromptEnd {
    const OPENING: [&str; 5] =
        ["<|eot_id|>", "<|start_header_id|>", "assistant", "<|end_header_id|>", "\u{10a}\u{10a}"];
    let id =
        |text: &str| vocabulary.tokens.iter().position(|token| token == text).map(|id| id as u32);
    match OPENING.iter().map(|text| id(text)).collect() {
        Some(tokens) => PromptEnd::Pattern { tokens },
        None => PromptEnd::Prompt,
    }
}
