//! From settings to a judge: files are read and everything is tried out before anything is asked.

use std::path::Path;

use tribunal_api::{Context, NameOrPath, Sampling, SettingsError};

use super::criteria::{Criteria, Texts};
use super::memory::Memory;
use super::read::Reader;
use super::references::References;
use super::settings::{Config, SystemPrompt};
use super::{CRITERIA_TOKENS, Judge, MAX_TOKENS, Stated};
use crate::builtin;
use crate::prompt::{ChatMarkers, Drawing, FileFault, JudgePrompt, Reasoning};
use crate::verdict::{Parse, Readout};

/// Words of the setting `criteria` that are no path.
const CRITERIA_WORDS: [&str; 4] = ["none", "general", "per-scenario", "self-generated"];

/// A judge from its settings.
///
/// # Errors
///
/// A fault of the setting that is wrong, or that names a file in which something is wrong.
pub(super) fn judge(config: Config, context: &dyn Context) -> Result<Judge, SettingsError> {
    let prompt = read_prompt(&config.prompt)?;
    let reader = reader(&config, &prompt)?;
    let criteria = read_criteria(config.criteria.as_ref())?;
    if criteria != Criteria::None {
        need_slot(&prompt, "criteria", "criteria")?;
    }
    let references = match &config.references {
        Some(path) => {
            need_slot(&prompt, "reference", "references")?;
            Some(References::read(path.as_path()).map_err(|fault| fault.of_key("references"))?)
        }
        None => None,
    };
    let examples = examples(&config, &prompt, &reader)?;
    let shortest = match (reader.readout, reader.reasoning) {
        (Readout::LabelLogprob, Reasoning::None) => Some(1),
        _ => None,
    };
    let criteria_sampling =
        drawn(config.criteria_sampling.as_ref(), &Drawing::default(), None, CRITERIA_TOKENS);
    let sampling = drawn(config.sampling.as_ref(), &prompt.sampling, shortest, MAX_TOKENS);
    let constrain = constrain(&config, &reader)?;
    let system_prompt = system_prompt(&config, &prompt, &reader, &criteria)?;
    let generator = context.generator(&config.generator)?;
    // Where turns and markers become one text on our side, a marker in a candidate would end its turn.
    let usual = match generator.renders_markers() {
        true => ChatMarkers::Break,
        false => ChatMarkers::Keep,
    };
    let mut judge = Judge {
        generator,
        constrain,
        prompt,
        reader,
        criteria,
        references,
        sampling,
        criteria_sampling,
        re_ask: config.re_ask,
        examples,
        system_prompt,
        chat_markers: config.chat_markers.unwrap_or(usual),
        keep_prompt: config.keep_prompt,
        shows_history: true,
        memory: Memory::default(),
    };
    judge.shows_history = try_out(&judge).map_err(|fault| fault.of_key("prompt"))?;
    Ok(judge)
}

fn try_out(judge: &Judge) -> Result<bool, FileFault> {
    let question = tribunal_api::Question::of_text("", &[]);
    let stated = match &judge.criteria {
        Criteria::None => Stated { text: "", are_data: false },
        Criteria::Given(_) => Stated { text: "criteria", are_data: false },
        Criteria::SelfGenerated => Stated { text: "criteria", are_data: true },
    };
    let filling = judge.filling(&question, stated);
    judge.prompt.try_out(&filling, judge.criteria == Criteria::SelfGenerated)
}

fn read_prompt(named: &NameOrPath) -> Result<JudgePrompt, SettingsError> {
    let of_key = |fault: FileFault| fault.of_key("prompt");
    if let Some(path) = named.as_path() {
        let (place, text) = read_file(path).map_err(of_key)?;
        return JudgePrompt::read(&place, &text).map_err(of_key);
    }
    let name = named.0.as_str();
    match builtin::prompt(name) {
        Some(text) => JudgePrompt::read(name, text).map_err(of_key),
        None => {
            let known = builtin::names().iter().map(|name| (*name).to_owned()).collect();
            Err(SettingsError::of_key("prompt", format!("`{name}` is no built-in prompt"))
                .with_known(known)
                .with_hint(
                    "name a built-in prompt, or write a path that holds a `/` or ends in `.toml`",
                ))
        }
    }
}

fn read_criteria(named: Option<&NameOrPath>) -> Result<Criteria, SettingsError> {
    let Some(named) = named else { return Ok(Criteria::None) };
    let of_key = |fault: FileFault| fault.of_key("criteria");
    let general = builtin::criteria("general").and_then(|files| files.first().copied());
    if let Some(path) = named.as_path() {
        let (place, text) = read_file(path).map_err(of_key)?;
        let texts =
            Texts::read(&[(&place, &text)], general.map(|(_, text)| text)).map_err(of_key)?;
        return Ok(Criteria::Given(texts));
    }
    match named.0.as_str() {
        "none" => Ok(Criteria::None),
        "self-generated" => Ok(Criteria::SelfGenerated),
        set => match builtin::criteria(set) {
            Some(files) => {
                let general = general.map(|(_, text)| text);
                Texts::read(files, general).map(Criteria::Given).map_err(of_key)
            }
            None => {
                Err(SettingsError::of_key("criteria", format!("`{set}` are no known criteria"))
                    .with_known(CRITERIA_WORDS.iter().map(|word| (*word).to_owned()).collect())
                    .with_hint(
                        "name known criteria, or write a path that holds a `/` or ends in `.toml`",
                    ))
            }
        },
    }
}

fn read_file(path: &Path) -> Result<(String, String), FileFault> {
    let place = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok((place, text)),
        Err(cause) => Err(FileFault::new(&place, format!("the file cannot be read, {cause}"))
            .with_hint("check the path; it is relative to the recipe")),
    }
}

/// What is asked for and how it is read, as far as the prompt allows.
fn reader(config: &Config, prompt: &JudgePrompt) -> Result<Reader, SettingsError> {
    let candidates = prompt.candidates.some();
    let own = prompt.form.default_readout().ok_or_else(|| {
        SettingsError::of_key("prompt", format!("`{}` describes no verdict", prompt.place()))
    })?;
    let readout = config.readout.unwrap_or(own);
    if let Err(why) = prompt.form.fits(readout, candidates) {
        let known = prompt.form.readouts().into_iter();
        let known: Vec<String> = known
            .filter(|one| prompt.form.fits(*one, candidates).is_ok())
            .map(|one| one.word().to_owned())
            .collect();
        if known.is_empty() {
            let hint = "let `candidates` and `[verdict]` of the prompt file agree";
            return Err(SettingsError::of_key("prompt", why).with_hint(hint));
        }
        let hint = format!("choose one of: {}", known.join(", "));
        return Err(SettingsError::of_key("readout", why).with_hint(hint));
    }
    if readout != own {
        need_slot(prompt, "verdict", "readout")?;
    }
    let compares = prompt.form.letter.as_ref().is_some_and(|letter| letter.comparison);
    if readout == Readout::LabelLogprob && compares {
        let message =
            "labels such as `A>>B` are several tokens, which have no probability in one place";
        return Err(SettingsError::of_key("readout", message)
            .with_hint("take a prompt whose labels are one token each"));
    }
    let parse = match config.parse {
        Some(parse) if !parse.reads(readout, candidates) => {
            let fitting = Parse::ALL.into_iter().filter(|one| one.reads(readout, candidates));
            let known: Vec<&str> = fitting.map(Parse::word).collect();
            let message =
                format!("`{}` has no rule for the readout `{}`", parse.word(), readout.word());
            return Err(SettingsError::of_key("parse", message)
                .with_hint(format!("choose one of: {}", known.join(", "))));
        }
        // Probabilities are not read from text, so that no parse makes a difference.
        Some(_) if readout == Readout::LabelLogprob => Parse::Strict,
        Some(parse) => parse,
        None if readout == Readout::LabelLogprob => Parse::Strict,
        None if prompt.form.parse.reads(readout, candidates) => prompt.form.parse,
        None => Parse::Strict,
    };
    let reasoning = config.reasoning.unwrap_or(prompt.reasoning);
    if reasoning != prompt.reasoning && !prompt.uses("mode") {
        need_slot(prompt, "reasoning", "reasoning")?;
    }
    Ok(Reader { form: prompt.form.clone(), readout, parse, reasoning })
}

/// A setting has no effect where the prompt has no slot for it: that is a fault, not a silence.
fn need_slot(prompt: &JudgePrompt, slot: &str, key: &str) -> Result<(), SettingsError> {
    if prompt.uses(slot) {
        return Ok(());
    }
    let message = format!("the prompt `{}` has no slot `{slot}`", prompt.place());
    Err(SettingsError::of_key(key, message)
        .with_hint(format!("leave `{key}` out, or take a prompt that shows `{{{{ {slot} }}}}`")))
}

/// Examples show verdicts in the form of the prompt's own readout.
fn examples(config: &Config, prompt: &JudgePrompt, reader: &Reader) -> Result<bool, SettingsError> {
    let fits = Some(reader.readout) == prompt.form.default_readout();
    match config.examples {
        Some(true) if !prompt.has_examples() => {
            let message = format!("the prompt `{}` has no examples to show", prompt.place());
            Err(SettingsError::of_key("examples", message).with_hint("leave `examples` out"))
        }
        Some(true) if !fits => {
            let message =
                format!("the examples do not show a verdict by `{}`", reader.readout.word());
            Err(SettingsError::of_key("examples", message)
                .with_hint("leave `examples` out, or take the prompt's own readout"))
        }
        Some(on) => Ok(on),
        None => Ok(prompt.has_examples() && fits),
    }
}

/// Whether the backend is told the shape of the verdict.
fn constrain(config: &Config, reader: &Reader) -> Result<bool, SettingsError> {
    match config.constrain {
        Some(true) if !closed(reader) => {
            let message = format!(
                "a reply of a given shape has no room for the reasoning `{}`",
                reader.reasoning.as_str()
            );
            Err(SettingsError::of_key("constrain", message).with_hint(
                "set `reasoning` to `none` or `native`, or take the readout `json` with a `reason` in the prompt's form",
            ))
        }
        Some(on) => Ok(on),
        None => Ok(reader.readout == Readout::Json && closed(reader)),
    }
}

/// What becomes of the system turn. One that says what no other turn does cannot be left out, and where there is none
/// every treatment is the same.
fn system_prompt(
    config: &Config,
    prompt: &JudgePrompt,
    reader: &Reader,
    criteria: &Criteria,
) -> Result<SystemPrompt, SettingsError> {
    let alone = prompt.slots_of_system_alone();
    let idle = |slot: &str| match slot {
        "criteria" => *criteria == Criteria::None,
        "reference" => config.references.is_none(),
        "reasoning" => reader.reasoning == Reasoning::Native,
        "fence_note" | "noun" | "mode" | "multi_turn" | "count" | "labels" => true,
        "scale_low" | "scale_high" | "topic" | "examples" => true,
        _ => false,
    };
    match (config.system_prompt, alone.iter().find(|slot| !idle(slot))) {
        (SystemPrompt::Drop, Some(slot)) => {
            let message = format!("only the system turn of `{}` holds `{slot}`", prompt.place());
            Err(SettingsError::of_key("system-prompt", message)
                .with_hint("take `merge`, which puts the system turn before the first user turn"))
        }
        _ if !prompt.has_system() => Ok(SystemPrompt::Keep),
        (treatment, _) => Ok(treatment),
    }
}

/// A shape of the reply leaves no room for reasoning, unless the shape itself has a key for it.
fn closed(reader: &Reader) -> bool {
    let in_shape = reader.readout == Readout::Json
        && reader.form.json.as_ref().is_some_and(|form| form.reason.is_some());
    match reader.reasoning {
        Reasoning::None | Reasoning::Native => true,
        Reasoning::Before | Reasoning::After => in_shape,
    }
}

/// How tokens are drawn: as the recipe says, else the readout (`shortest`), the prompt, what is usual.
fn drawn(
    recipe: Option<&Drawing>,
    prompt: &Drawing,
    shortest: Option<u32>,
    max_tokens: u32,
) -> Sampling {
    let none = Drawing::default();
    let recipe = recipe.unwrap_or(&none);
    let usual = Sampling::default();
    Sampling {
        temperature: recipe.temperature.or(prompt.temperature).unwrap_or(usual.temperature),
        top_p: recipe.top_p.or(prompt.top_p).unwrap_or(usual.top_p),
        max_tokens: recipe.max_tokens.or(shortest).or(prompt.max_tokens).unwrap_or(max_tokens),
        stop: recipe.stop.clone().or_else(|| prompt.stop.clone()).unwrap_or_default(),
    }
}
