//! The checks of a generator: who it is, and what it replies to a few prompts.

use std::sync::Arc;
use std::time::Instant;

use serde_json::json;
use tribunal_api::{Completion, Generator, Identity, Prompt, Sampling, SourceError, Turn};

use super::sheet::{Finding, Sheet, Status};
use super::source::{Times, identity_of, opening};
use super::speed::human;
use crate::exit::Failure;

/// Prompts of which the time is taken.
const TIMED: usize = 10;

/// Puts all checks to a generator. Ends early when it no longer answers.
pub(super) async fn check(
    generator: Arc<dyn Generator>,
    times: Times,
    sheet: &mut Sheet,
) -> Result<(), Failure> {
    let limits = generator.limits();
    let declares = format!("batch {}, {} in flight", limits.batch, limits.in_flight);
    sheet.note("declares", Finding::ok(declares))?;
    let generator = generator.as_ref();
    let who = async { identity_of(generator.identify().await, generator.identify().await) };
    let Some(identity) = sheet.run("identity", who).await? else { return Ok(()) };
    let opening = opening(generator.open());
    let Some(opened) = sheet.run_for("opening", times.load, opening).await? else { return Ok(()) };
    let again = sheet.within() + 3 * opened;
    let Some(reply) = sheet.run("one prompt", one(generator)).await? else { return Ok(()) };
    // After one that does not end, the sheet begins no other.
    sheet.run("same twice", twice(generator, &reply)).await?;
    sheet.run("samples", samples(generator)).await?;
    sheet.run("batch", batch(generator)).await?;
    sheet.run("stop", stop(generator, &reply)).await?;
    sheet.run("token limit", limit(generator, &reply)).await?;
    sheet.run_for("opening again", again, reopened(generator, identity, &reply)).await?;
    sheet.run("latency", latency(generator)).await?;
    Ok(())
}

fn prompt(text: &str) -> Prompt {
    Prompt { turns: vec![Turn::user(text)], seeds: vec![1], ..Prompt::default() }
}

/// The completions of a batch, as many as prompts.
async fn ask(
    generator: &dyn Generator,
    prompts: &[Prompt],
) -> Result<Vec<Completion>, SourceError> {
    let replies = generator.generate(prompts).await;
    if replies.len() != prompts.len() {
        let message = format!("{} prompts, {} completions", prompts.len(), replies.len());
        return Err(SourceError::Broken { message });
    }
    replies.into_iter().collect()
}

/// The text of a prompt with one sample.
async fn text(generator: &dyn Generator, prompt: &Prompt) -> Result<String, String> {
    let replies =
        ask(generator, std::slice::from_ref(prompt)).await.map_err(|error| error.to_string())?;
    match replies.first().map(|reply| reply.texts.as_slice()) {
        Some([one]) => Ok(one.text.clone()),
        Some(texts) => Err(format!("one sample asked, {} replied", texts.len())),
        None => Err("no completion".to_owned()),
    }
}

const QUESTION: &str = "Name three rivers of Europe in one sentence.";

async fn one(generator: &dyn Generator) -> (Finding, String) {
    match text(generator, &prompt(QUESTION)).await {
        Ok(reply) if reply.is_empty() => (Finding::warning("the reply is empty"), reply),
        Ok(reply) => {
            let shown: String = reply.chars().take(60).collect();
            (Finding::ok(format!("{} characters: {shown}", reply.chars().count())), reply)
        }
        Err(error) => (Finding::failed(error), String::new()),
    }
}

async fn twice(generator: &dyn Generator, reply: &str) -> (Finding, ()) {
    let finding = match text(generator, &prompt(QUESTION)).await {
        Ok(again) if again == reply => {
            Finding::ok("the same reply with temperature 0 and the same seed")
        }
        Ok(_) => Finding::measured("another reply with temperature 0 and the same seed"),
        Err(error) => Finding::failed(error),
    };
    (finding, ())
}

/// Two samples are two texts, whatever they are.
async fn samples(generator: &dyn Generator) -> (Finding, ()) {
    let wanted = generator.samples_at_once().clamp(1, 3);
    let asked = Prompt {
        seeds: (1..=wanted as u64).collect(),
        sampling: Sampling { temperature: 1.0, ..Sampling::default() },
        ..prompt(QUESTION)
    };
    let finding = match ask(generator, &[asked]).await {
        Ok(replies) => match replies.first().map_or(0, |reply| reply.texts.len()) {
            count if count == wanted => Finding::ok(format!("{wanted} seeds, {count} texts")),
            count => {
                Finding::failed(format!("{wanted} seeds, {count} texts: reply once for each seed"))
            }
        },
        Err(error) => Finding::failed(error.to_string()),
    };
    (finding, ())
}

/// As many prompts as it declares, and none.
async fn batch(generator: &dyn Generator) -> (Finding, ()) {
    let count = generator.limits().batch.clamp(1, 32);
    let prompts: Vec<Prompt> = (0..count).map(|place| prompt(&format!("Say {place}."))).collect();
    let finding = match (ask(generator, &[]).await, ask(generator, &prompts).await) {
        (Err(error), _) => Finding::failed(format!("an empty batch: {error}")),
        (_, Err(error)) => Finding::failed(error.to_string()),
        _ => Finding::ok(format!("no prompt, and {count} at once")),
    };
    (finding, ())
}

/// A text that ends the reply is not in it.
async fn stop(generator: &dyn Generator, reply: &str) -> (Finding, ()) {
    // The last word of the reply, so that something is left of it.
    let Some(end) = reply.split_whitespace().last().filter(|word| *word != reply) else {
        return (Finding::not_checked("the reply is too short to be stopped"), ());
    };
    let mut asked = prompt(QUESTION);
    asked.sampling.stop = vec![end.to_owned()];
    let finding = match text(generator, &asked).await {
        Ok(stopped) if !stopped.contains(end) => Finding::ok(format!("stopped before `{end}`")),
        Ok(_) => Finding::warning(format!("`stop` has no effect: the reply still holds `{end}`")),
        Err(error) => Finding::failed(error),
    };
    (finding, ())
}

/// A token limit shortens the reply, and `finish` says so.
async fn limit(generator: &dyn Generator, reply: &str) -> (Finding, ()) {
    let mut asked = prompt(QUESTION);
    asked.sampling.max_tokens = 1;
    let finding = match ask(generator, &[asked]).await {
        Ok(replies) => match replies.first().and_then(|reply| reply.texts.first()) {
            Some(short) if short.text.len() < reply.len() => match short.finish {
                tribunal_api::Finish::Length => Finding::ok("one token: shorter, finish `length`"),
                other => Finding::warning(format!(
                    "one token: shorter, but finish is `{other:?}`, not `length`"
                )),
            },
            _ => Finding::measured("one token makes the reply no shorter"),
        },
        Err(error) => Finding::failed(error.to_string()),
    };
    (finding, ())
}

async fn reopened(
    generator: &dyn Generator,
    before: Option<Identity>,
    reply: &str,
) -> (Finding, ()) {
    generator.close().await;
    if let Err(error) = generator.open().await {
        return (Finding::failed(format!("it cannot be opened again: {error}")), ());
    }
    if generator.identify().await.ok() != before {
        return (Finding::failed("it is somebody else after it was closed"), ());
    }
    let (finding, ()) = twice(generator, reply).await;
    let finding = match finding.status {
        Status::Ok => Finding::ok("closed, and the same reply again"),
        _ => finding,
    };
    (finding, ())
}

async fn latency(generator: &dyn Generator) -> (Finding, ()) {
    let mut times = Vec::new();
    for place in 0..TIMED {
        let asked = Prompt {
            sampling: Sampling { max_tokens: 16, ..Sampling::default() },
            ..prompt(&format!("Say {place}."))
        };
        let begun = Instant::now();
        let _ = ask(generator, &[asked]).await;
        times.push(begun.elapsed());
        if times.iter().sum::<std::time::Duration>().as_secs() >= 5 {
            break;
        }
    }
    times.sort_unstable();
    let median = times[times.len() / 2];
    let text = format!("median {} (n = {}, at most 16 tokens)", human(median), times.len());
    let value = json!({ "median-ms": median.as_secs_f64() * 1000.0, "n": times.len() });
    (Finding::measured(text).with(value), ())
}
