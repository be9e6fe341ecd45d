//! A generator that a child answers.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use tribunal_api::wire::{Declares, ErrorBody};
use tribunal_api::{Completion, Generator, Identity, Inspection, Limits, Prompt, SourceError};

use super::answers::counted;
use super::instance::Instance;
use super::process::Counts;
use super::request;

/// The batch of a generator that declares none.
const BATCH: usize = 1;

/// A generator whose component lives in children.
pub(super) struct ChildGenerator {
    instance: Instance,
    declares: Declares,
    limits: Limits,
}

impl ChildGenerator {
    pub(super) fn new(instance: Instance, declares: Declares) -> Self {
        let limits = instance.limits(&declares, BATCH);
        Self { instance, declares, limits }
    }
}

#[async_trait]
impl Generator for ChildGenerator {
    fn limits(&self) -> Limits {
        self.limits.clone()
    }

    fn unhurried(&self) -> bool {
        self.declares.unhurried.unwrap_or(false)
    }

    fn renders_markers(&self) -> bool {
        self.declares.renders_markers.unwrap_or(false)
    }

    fn samples_at_once(&self) -> usize {
        self.declares.samples_at_once.unwrap_or(usize::MAX).max(1)
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        self.instance.identify().await
    }

    async fn inspect(&self, prompt: &Prompt) -> Result<Option<Inspection>, SourceError> {
        self.instance.inspect(&json!({ "prompt": prompt })).await
    }

    async fn generate(&self, batch: &[Prompt]) -> Vec<Result<Completion, SourceError>> {
        let keys = json!({ "prompts": batch });
        let line = |id, handle, _| request::line("generate", id, Some(handle), &keys);
        match self.instance.ask("generate", Counts::AsAnswer, None, line).await {
            Ok(reply) => read(self.instance.origin(), &reply.line, batch),
            Err(error) => batch.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    async fn open(&self) -> Result<(), SourceError> {
        self.instance.open().await
    }

    async fn close(&self) {
        self.instance.close().await;
    }
}

#[derive(Deserialize)]
struct Reply {
    completions: Vec<Value>,
}

/// Reads a reply. What concerns one prompt costs that prompt alone.
fn read(origin: &str, line: &str, batch: &[Prompt]) -> Vec<Result<Completion, SourceError>> {
    let broken =
        |what: String| SourceError::Broken { message: format!("the plugin `{origin}` {what}") };
    let whole = |what: String| batch.iter().map(|_| Err(broken(what.clone()))).collect();
    let Reply { completions } = match serde_json::from_str(line) {
        Ok(reply) => reply,
        Err(cause) => return whole(format!("gave completions that cannot be read: {cause}")),
    };
    if completions.len() != batch.len() {
        let (given, asked) = (completions.len(), batch.len());
        return whole(format!(
            "gave {} for {}",
            counted(given, "completion"),
            counted(asked, "prompt")
        ));
    }
    let pairs = completions.into_iter().zip(batch);
    pairs.map(|(completion, prompt)| one(completion, prompt, &broken)).collect()
}

fn one(
    completion: Value,
    prompt: &Prompt,
    broken: &dyn Fn(String) -> SourceError,
) -> Result<Completion, SourceError> {
    if let Some(error) = completion.get("error").filter(|error| !error.is_null()) {
        let text = || ErrorBody::of("broken", error.to_string());
        let error: ErrorBody = serde_json::from_value(error.clone()).unwrap_or_else(|_| text());
        return Err(error.into_source_error());
    }
    if !completion.is_object() {
        return Err(broken(format!("gave a completion that is no object: `{completion}`")));
    }
    let completion: Completion = serde_json::from_value(completion)
        .map_err(|cause| broken(format!("gave a completion that cannot be read: {cause}")))?;
    match completion.texts.len() == prompt.seeds.len() {
        true => Ok(completion),
        false => {
            let (given, asked) = (completion.texts.len(), prompt.seeds.len());
            Err(broken(format!("gave {} for {}", counted(given, "text"), counted(asked, "seed"))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(reply: &Value) -> Vec<Result<Completion, SourceError>> {
        let prompt = Prompt { seeds: vec![1], ..Prompt::default() };
        read("x", &reply.to_string(), &[prompt.clone(), prompt])
    }

    #[test]
    fn only_the_text_is_needed() {
        let found = of(&json!({"completions": [
            {"texts": [{"text": "a"}]},
            {"error": {"code": "busy", "message": "later", "wait": 2.0}},
        ]}));
        assert_eq!(found[0].as_ref().unwrap().texts[0].text, "a");
        assert!(matches!(found[1], Err(SourceError::Busy { wait: Some(_), .. })));
    }

    #[test]
    fn what_is_wrong_costs_its_prompt_alone() {
        let found = of(&json!({"completions": [{"texts": []}, {"texts": [{"text": "a"}]}]}));
        let expect = "the plugin `x` gave 0 texts for 1 seed";
        assert_eq!(found[0], Err(SourceError::Broken { message: expect.to_owned() }));
        assert!(found[1].is_ok());
        let found = of(&json!({"completions": ["a"]}));
        assert!(
            found[1].as_ref().unwrap_err().to_string().ends_with("gave 1 completion for 2 prompts")
        );
        let found = of(&json!({"completions": ["a", {"texts": [{"text": 1}]}]}));
        assert!(found[0].as_ref().unwrap_err().to_string().contains("no object"));
        assert!(found[1].as_ref().unwrap_err().to_string().contains("cannot be read"));
    }
}
