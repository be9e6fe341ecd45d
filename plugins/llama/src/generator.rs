//! Text from a model on this machine.
//!
//! A trunk is led from prompt to prompt, keeping what they share ([`crate::reading`]). All samples of a prompt draw their first token from
//! the same logits; those that go on get a slot, a copy of the trunk, and slots are read together, one token each.

mod constraint;
mod engine;
mod sample;
mod writing;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use tribunal_api::{
    Card, Completion, Generator, Identity, Inspection, Limits, PathSetting, Prompt, Registry,
    SelfCheck, SettingsError, SourceError, async_trait,
};

use crate::dialogue::{Chosen, DialogueKeys};
use crate::file::ModelFile;
use crate::settings::{Compute, Mode, Truncation};
use crate::worker::Worker;
use engine::{Computing, Job};

const CARD: Card = Card {
    kind: "llama.generator",
    summary: "A language model on this machine: a GGUF file, computed by llama.cpp.",
    version: "1",
    example: "[generator.local]\nkind = \"llama.generator\"\nmodel = \"models/judge-7b-q4.gguf\"\n",
    self_check: SelfCheck::Skip,
};

/// Samples that are written side by side by default.
const SLOTS: u32 = 8;
/// Prompts that wait on the computing thread, so that those with a common front are neighbours.
const IN_FLIGHT: usize = 32;

/// How a model's reasoning is told from its reply.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Thinking {
    /// What begins it.
    #[serde(default = "open_tag")]
    pub open: String,
    /// What ends it.
    #[serde(default = "close_tag")]
    pub close: String,
    /// The most tokens of it; what ends it is then written for the model. Default: as many as the reply may have.
    #[schemars(range(min = 1))]
    pub budget: Option<u32>,
}

fn open_tag() -> String {
    "<think>".to_owned()
}

fn close_tag() -> String {
    "</think>".to_owned()
}

/// Settings of `llama.generator`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Settings {
    /// The GGUF file, or the first of a split one. `tribunal model import` makes one of a Hugging Face folder.
    model: PathSetting,
    /// Whether results must be the same bits whatever else is asked (`exact`), or may be faster (`fast`).
    #[serde(default)]
    mode: Mode,
    /// Tokens of prompt and reply together. Default: what the model was trained on, at most 8192.
    #[schemars(range(min = 8, max = 1_048_576))]
    context: Option<u32>,
    /// Samples that are written side by side. Each takes memory for a whole context. Default 8, or as many as half of
    /// the free memory holds, and at least 2.
    #[schemars(range(min = 1, max = 128))]
    #[schemars(extend("x-tribunal-operational" = true))]
    slots: Option<u32>,
    /// What becomes of a prompt that leaves no room for the reply.
    #[serde(default)]
    truncation: Truncation,
    /// How reasoning is told from the reply. `false`: everything is the reply. Default: between `<think>` and `</think>`.
    thinking: Option<ThinkingSetting>,
    /// A model folder, a `tokenizer_config.json` or a chat template in Jinja. Default: the template inside the model file.
    template: Option<PathSetting>,
    /// Which template is taken of several that have names. Default `default`, or the only one.
    template_name: Option<String>,
    /// The day that the template writes where it writes today's, such as `2024-07-26`.
    template_date: Option<String>,
    /// Variables of the template beside the messages, such as `enable_thinking`.
    #[serde(default)]
    template_variables: Map<String, Value>,
    /// A system turn for dialogues that have none. Default: none.
    system_prompt: Option<String>,
    /// What every reply begins with: it is written for the model, and is part of the reply. `[[` has the next token be the verdict,
    /// `<think>\n\n</think>\n\n` leaves no reasoning. Default: nothing.
    #[serde(default)]
    reply_start: String,
    /// Whether the vocabulary adds its special tokens. Default: unless the rendered text begins with the begin token.
    add_special_tokens: Option<bool>,
    /// Where and with how much it computes.
    #[serde(default)]
    compute: Compute,
}

/// `false`, or the tags.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum ThinkingSetting {
    Whether(bool),
    Tags(Thinking),
}

impl Settings {
    fn thinking(&self) -> Option<Thinking> {
        let usual = || Thinking { open: open_tag(), close: close_tag(), budget: None };
        match &self.thinking {
            Some(ThinkingSetting::Whether(false)) => None,
            None | Some(ThinkingSetting::Whether(true)) => Some(usual()),
            Some(ThinkingSetting::Tags(tags)) => Some(tags.clone()),
        }
    }

    /// Samples side by side, before memory is looked at.
    fn slots(&self) -> usize {
        self.slots.unwrap_or(SLOTS) as usize
    }
}

/// Registers the kind.
pub(crate) fn register(registry: &mut Registry) {
    registry.generator(CARD, |settings: Settings, _| Local::new(settings));
}

struct Local {
    settings: Settings,
    chosen: Arc<Chosen>,
    worker: Worker<Computing>,
}

impl Local {
    fn new(settings: Settings) -> Result<Self, SettingsError> {
        let keys = DialogueKeys {
            template: settings.template.clone(),
            template_name: settings.template_name.clone(),
            template_date: settings.template_date.clone(),
            template_variables: settings.template_variables.clone(),
            system_prompt: settings.system_prompt.clone(),
            add_special_tokens: settings.add_special_tokens,
        };
        let chosen = Arc::new(keys.choose()?);
        if let Some(Thinking { open, close, .. }) = settings.thinking()
            && (open.is_empty() || close.is_empty())
        {
            let message = "the texts around reasoning cannot be empty";
            return Err(SettingsError::of_key("thinking", message)
                .with_hint("write `thinking = false` for a model without reasoning"));
        }
        let (own, same) = (settings.clone(), chosen.clone());
        let worker = Worker::new(move |abort| Computing::load(&own, &same, abort));
        Ok(Self { settings, chosen, worker })
    }
}

#[async_trait]
impl Generator for Local {
    fn unhurried(&self) -> bool {
        true
    }

    fn limits(&self) -> Limits {
        let lane = self.settings.model.as_path().display().to_string();
        Limits { batch: 1, in_flight: IN_FLIGHT.max(self.settings.slots()), lane: Some(lane) }
    }

    fn renders_markers(&self) -> bool {
        true
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        let file = ModelFile::find(self.settings.model.as_path())?;
        let digest = file.digest(&[], self.chosen.template_text())?;
        let name = format!("{} ({})", file.name(), self.settings.mode.as_str());
        Ok(Identity::of_content(name, digest))
    }

    async fn inspect(&self, prompt: &Prompt) -> Result<Option<Inspection>, SourceError> {
        let prompt = prompt.clone();
        self.worker.ask(|promise| Job::Inspect { prompt, promise }).await?.map(Some)
    }

    async fn generate(&self, batch: &[Prompt]) -> Vec<Result<Completion, SourceError>> {
        let mut completions = Vec::with_capacity(batch.len());
        for prompt in batch {
            let prompt = prompt.clone();
            let asked = self.worker.ask(|promise| Job::Generate { prompt, promise }).await;
            completions.push(asked.and_then(|completion| completion));
        }
        completions
    }

    async fn open(&self) -> Result<(), SourceError> {
        self.worker.open().await
    }

    async fn close(&self) {
        self.worker.close();
    }
}
