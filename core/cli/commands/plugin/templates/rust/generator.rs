//! `@NAME@`: a generator, which judges are built on. This one replies with a fixed text; put your own model in the place of `complete`.

use tribunal_api::*;

/// What it is made of. Its fields are the settings of `[generator.x]`, and their comments are shown by `tribunal show`.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Writer {
    /// The reply to every prompt. Default: `Rating: [[5]]`.
    reply: Option<String>,
}

impl Writer {
    // One reply. `prompt.turns` holds the dialogue, `prompt.sampling` says how to draw, and `seed` which sample this is.
    fn complete(&self, prompt: &Prompt, _seed: u64) -> Text {
        let mut text = self.reply.as_deref().unwrap_or("Rating: [[5]]");
        for stop in &prompt.sampling.stop {
            text = text.split(stop.as_str()).next().unwrap_or_default();
        }
        Text::of(text)
    }
}

#[async_trait]
impl Generator for Writer {
    // Who answers: answers are stored under it. For a model, `Identity::of_content` with a digest of its weights.
    async fn identify(&self) -> Result<Identity, SourceError> {
        Ok(Identity::of_code("@NAME@", env!("CARGO_PKG_VERSION")))
    }

    // One completion per prompt, one text in it per seed.
    async fn generate(&self, batch: &[Prompt]) -> Vec<Result<Completion, SourceError>> {
        let complete = |prompt: &Prompt| {
            let texts = prompt
                .seeds
                .iter()
                .map(|seed| self.complete(prompt, *seed))
                .collect();
            Ok(Completion {
                texts,
                ..Completion::default()
            })
        };
        batch.iter().map(complete).collect()
    }
}

fn register(registry: &mut Registry) {
    let card = Card {
        kind: "@NAME@",
        summary: "Replies with a fixed text.",
        version: env!("CARGO_PKG_VERSION"),
        example: "[generator.@NAME@]\nkind = \"@NAME@\"\nreply = \"Rating: [[5]]\"\n",
        self_check: SelfCheck::Skip,
    };
    registry.generator(card, |writer: Writer, _| Ok(writer));
}

export_plugin!(register);
