//! Prompts of judges: read from TOML files, checked before anything is asked, and filled with a question.

mod fault;
mod file;
mod markers;
mod render;
mod slots;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use tribunal_api::{Role, settings};

use crate::fence::FenceStyle;
use crate::transcript::{Headings, LABEL};
use crate::verdict::VerdictForm;

pub use fault::FileFault;
pub use file::{Candidates, Drawing, Reasoning};
pub use markers::ChatMarkers;
pub use render::{Filling, Shown};
pub use slots::slots;

use file::{Example, Instructions, PromptFile, TurnText};

/// A prompt, ready to be filled with questions.
#[derive(Debug)]
pub struct JudgePrompt {
    /// The prompt's name, for a person.
    pub name: String,
    /// Which published protocol it follows, or that the wording is our own.
    pub source: String,
    /// How many candidates a question holds.
    pub candidates: Candidates,
    /// How texts from the data are set apart.
    pub fence: FenceStyle,
    /// Whether and when the judge explains itself, when the recipe does not say.
    pub reasoning: Reasoning,
    /// How tokens are drawn, where the recipe does not say.
    pub sampling: Drawing,
    /// What a verdict looks like.
    pub form: VerdictForm,
    place: String,
    digest: String,
    env: Environment<'static>,
    /// Slots of the turns that ask for a verdict.
    used: BTreeSet<String>,
    /// Slots of the turns that ask for criteria.
    used_for_criteria: BTreeSet<String>,
    /// Slots of all turns.
    wanted: BTreeSet<String>,
    shows_transcripts: bool,
    turns: Vec<Turn>,
    variants: Vec<Variant>,
    self_criteria: Vec<Turn>,
    instructions: Instructions,
    headings: Headings,
    examples: Vec<Example>,
}

/// A message whose text is a template.
#[derive(Clone, Debug)]
struct Turn {
    role: Role,
    template: String,
    /// The slots that it uses.
    used: BTreeSet<String>,
}

/// Turns for some topics.
#[derive(Clone, Debug)]
struct Variant {
    topics: Vec<String>,
    turns: Vec<Turn>,
}

/// What a judge that writes its own criteria is asked first, where the prompt file does not say.
const SELF_CRITERIA: &str = "\
[[turns]]
role = \"user\"
text = \"\"\"
Somebody sent the messages below to an assistant. Its reply will be judged later, by the criteria that you write now.

{{ fence_note }}

{{ dialogue }}

Write three to six criteria that tell a good reply to the last message from a bad one. Say for each in one sentence \
what to look for, and put what matters most first. Do not write a reply to the messages, and judge nothing yet.\"\"\"
";

impl JudgePrompt {
    /// Reads a prompt file and checks its templates. `place` is its path or name, for faults.
    ///
    /// # Errors
    ///
    /// The first fault: text that is not TOML, keys and slots that do not exist, turns that are missing.
    pub fn read(place: &str, text: &str) -> Result<Self, FileFault> {
        let file: PromptFile =
            toml::from_str(text).map_err(|error| FileFault::of_toml(place, text, &error))?;
        let most = match file.candidates {
            Candidates::One => 1,
            Candidates::Two => 2,
            // So many candidates have a letter of their own.
            Candidates::Many => 26,
        };
        if let Some(fault) = file.verdict.faults(most).into_iter().next() {
            let message = format!("{} in `{}`", fault.message, fault.key);
            return Err(FileFault::new(place, message).with_hint(fault.hint));
        }
        check_sampling(place, text, &file.sampling)?;
        let mut building = Building::new(place, text, file.candidates);
        let turns = building.turns("turns", &file.turns)?;
        let mut variants = Vec::new();
        for (at, variant) in file.variants.iter().enumerate() {
            let turns = building.turns(&format!("variants[{at}].turns"), &variant.turns)?;
            variants.push(Variant { topics: variant.topics.clone(), turns });
        }
        let used_in_turns = building.used.clone();
        let self_criteria = building.self_criteria(file.self_criteria)?;
        let headings = file.transcript.unwrap_or_default();
        check_headings(place, &headings)?;
        check_examples(place, file.candidates, &file.examples)?;
        Ok(Self {
            name: file.name,
            source: file.source,
            candidates: file.candidates,
            fence: file.fence,
            reasoning: file.reasoning,
            sampling: file.sampling,
            form: file.verdict,
            place: place.to_owned(),
            digest: blake3::hash(text.as_bytes()).to_hex().to_string(),
            env: building.env,
            used: used_in_turns,
            used_for_criteria: slots_in(&self_criteria),
            wanted: building.used,
            shows_transcripts: text.contains("transcript"),
            turns,
            variants,
            self_criteria,
            instructions: file.instructions,
            headings,
            examples: file.examples,
        })
    }

    /// The file's path or the name of what is built in.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Digest of the file.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// True when some turn of the judgment uses the slot.
    pub fn uses(&self, slot: &str) -> bool {
        self.used.contains(slot)
    }

    /// True when there are examples, and a slot for them.
    pub fn has_examples(&self) -> bool {
        !self.examples.is_empty() && self.uses("examples")
    }

    /// True when what is asked depends on the item's topic.
    pub fn reads_topic(&self) -> bool {
        !self.variants.is_empty() || self.uses("topic")
    }

    /// True when the turns that ask for criteria depend on the item's topic.
    pub fn criteria_read_topic(&self) -> bool {
        self.used_for_criteria.contains("topic")
    }

    /// True when some turn of the judgment is the system's.
    pub fn has_system(&self) -> bool {
        self.all_turns().any(|turns| turns.iter().any(|turn| turn.role == Role::System))
    }

    /// The slots that a system turn of the judgment uses and no other turn beside it does.
    pub fn slots_of_system_alone(&self) -> BTreeSet<String> {
        let alone = self.all_turns().flat_map(|turns| {
            let (system, others): (Vec<&Turn>, Vec<&Turn>) =
                turns.iter().partition(|turn| turn.role == Role::System);
            let elsewhere = |slot: &&String| others.iter().any(|turn| turn.used.contains(*slot));
            let slots = system.into_iter().flat_map(|turn| &turn.used);
            slots.filter(|slot| !elsewhere(slot)).cloned().collect::<Vec<String>>()
        });
        alone.collect()
    }

    /// The turns of the judgment, and those of every variant.
    fn all_turns(&self) -> impl Iterator<Item = &Vec<Turn>> {
        std::iter::once(&self.turns).chain(self.variants.iter().map(|variant| &variant.turns))
    }

    fn turns_for(&self, topic: Option<&str>) -> &[Turn] {
        let fits = |variant: &&Variant| {
            topic.is_some_and(|topic| variant.topics.iter().any(|one| one == topic))
        };
        self.variants.iter().find(fits).map_or(&self.turns, |variant| &variant.turns)
    }
}

fn slots_in(turns: &[Turn]) -> BTreeSet<String> {
    turns.iter().flat_map(|turn| turn.used.iter().cloned()).collect()
}

/// A prompt's templates while they are read.
struct Building<'a> {
    place: &'a str,
    file: &'a str,
    candidates: Candidates,
    env: Environment<'static>,
    used: BTreeSet<String>,
}

impl<'a> Building<'a> {
    fn new(place: &'a str, file: &'a str, candidates: Candidates) -> Self {
        let mut env = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        env.set_syntax(syntax.expect("the delimiters are the usual ones"));
        env.set_auto_escape_callback(|_| AutoEscape::None);
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        Self { place, file, candidates, env, used: BTreeSet::new() }
    }

    fn turns(&mut self, path: &str, texts: &[TurnText]) -> Result<Vec<Turn>, FileFault> {
        let last = texts.last().map(|turn| turn.role);
        if last != Some(Role::User) {
            let found = last.map_or("nothing", Role::as_str);
            let message =
                format!("`{path}` ends with `{found}`: the judge answers a turn of the user");
            return Err(FileFault::new(self.place, message)
                .with_hint("end the turns with one whose role is `user`"));
        }
        let mut turns = Vec::new();
        for (at, text) in texts.iter().enumerate() {
            let template = format!("{path}[{at}]");
            let used = slots::add_template(
                &mut self.env,
                &template,
                text,
                self.candidates,
                self.place,
                self.file,
            )?;
            self.used.extend(used.iter().cloned());
            turns.push(Turn { role: text.role, template, used });
        }
        Ok(turns)
    }

    fn self_criteria(&mut self, own: Option<file::SelfCriteria>) -> Result<Vec<Turn>, FileFault> {
        if let Some(own) = own {
            return self.turns("self-criteria.turns", &own.turns);
        }
        let (place, file) = (self.place, self.file);
        (self.place, self.file) = ("the built-in turns that ask for criteria", SELF_CRITERIA);
        let ours: file::SelfCriteria = toml::from_str(SELF_CRITERIA)
            .map_err(|error| FileFault::of_toml(self.place, SELF_CRITERIA, &error))?;
        let turns = self.turns("self-criteria.turns", &ours.turns);
        (self.place, self.file) = (place, file);
        turns
    }
}

/// The ranges that hold for `sampling` in recipes.
fn check_sampling(place: &str, text: &str, sampling: &Drawing) -> Result<(), FileFault> {
    let line = text
        .lines()
        .position(|line| line.trim_start().trim_start_matches('[').starts_with("sampling"));
    let fault = |key: &str, message: &str| {
        Err(FileFault::new(place, format!("{message} in `{key}`")).in_line(line.map(|at| at + 1)))
    };
    let numbers =
        [("sampling.temperature", sampling.temperature), ("sampling.top-p", sampling.top_p)];
    for (key, number) in numbers {
        if let Some(number) = number.filter(|number| !number.is_finite()) {
            return fault(key, &format!("`{number}` is not a finite number"));
        }
    }
    let value = serde_json::to_value(sampling).unwrap_or_default();
    match settings::check(&settings::schema_of::<Drawing>(), &value).into_iter().next() {
        Some(wrong) => {
            fault(&format!("sampling.{}", settings::dotted(&wrong.path)), &wrong.message)
        }
        None => Ok(()),
    }
}

/// Headings hold no slot but the label.
fn check_headings(place: &str, headings: &Headings) -> Result<(), FileFault> {
    let all = [
        ("system", &headings.system),
        ("user", &headings.user),
        ("assistant", &headings.assistant),
        ("between", &headings.between),
    ];
    for (key, text) in all {
        let allowed = if key == "assistant" { text.replace(LABEL, "") } else { text.clone() };
        if allowed.contains("{{") || allowed.contains("{%") {
            let message =
                format!("`{text}` of `transcript.{key}` holds a slot that does not exist");
            return Err(FileFault::new(place, message)
                .with_hint("write `{{ label }}`, in `transcript.assistant` alone"));
        }
    }
    Ok(())
}

/// Each example holds as many answers as a question may.
fn check_examples(
    place: &str,
    candidates: Candidates,
    examples: &[Example],
) -> Result<(), FileFault> {
    let arity = candidates.arity();
    match examples.iter().position(|example| !arity.admits(example.answers.len())) {
        Some(at) => Err(FileFault::new(
            place,
            format!(
                "`examples[{at}]` holds {} answers, the prompt takes {arity}",
                examples[at].answers.len()
            ),
        )),
        None => Ok(()),
    }
}
