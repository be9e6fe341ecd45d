//! `tribunal source check`: one item on its way to the model, and the known pairs, without a run.

use serde_json::{Value, json};
use tribunal_api::Inspection;
use tribunal_engine::fault::nearest;
use tribunal_engine::probe::{Checkup, Example, Verdict, checkup};
use tribunal_engine::ready::{Loaded, Ready};

use crate::args::{SourceCheckArgs, SourceCommand};
use crate::commands::run::probe_failure;
use crate::commands::{read_recipe, resolve};
use crate::exit::{Exit, Failure, print};
use crate::plugins::{self, Kinds};
use crate::progress::Level;
use crate::render::plain;
use crate::servers::{Servers, needed_by};

/// How many characters of each end of a long text are shown.
const SHOWN: usize = 600;
/// How many token ids of each end are shown.
const IDS: usize = 8;

/// Does what is asked with sources.
pub fn source(command: &SourceCommand, kinds: &mut Kinds) -> Result<Exit, Failure> {
    match command {
        SourceCommand::Check(args) => check(args, kinds),
    }
}

/// Starts the servers that are needed, looks at each source, and prints what was seen.
fn check(args: &SourceCheckArgs, kinds: &mut Kinds) -> Result<Exit, Failure> {
    if args.loudness.verbose {
        plugins::be_verbose();
    }
    let (recipe, name) = (args.recipe_args(), args.name());
    let recipe = read_recipe(&recipe, kinds)?;
    if let Some(name) = name
        && recipe.source(name).is_none()
    {
        let known: Vec<&str> =
            recipe.sources.iter().map(|source| source.block.name.as_str()).collect();
        let hint = match nearest(name, &known) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("its sources are: {}", known.join(", ")),
        };
        return Err(Failure::usage(format!("the recipe has no source `{name}`"), hint));
    }
    let plan = resolve(&recipe, kinds, args.changes.offline)?;
    let loaded = Loaded::read(plan, args.changes.limit)?;
    let level = match (args.loudness.quiet, args.loudness.verbose) {
        (true, _) => Level::Quiet,
        (false, true) => Level::Verbose,
        (false, false) => Level::Normal,
    };
    let needed = name.map(|source| needed_by(&recipe, source));
    let wanted = |server: &str| {
        needed.as_ref().is_none_or(|needed| needed.iter().any(|name| name == server))
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut servers = Servers::start(&loaded.plan, level, &wanted, &|| false)?;
    let ready = loaded.assume();
    let mut seen = Vec::new();
    for (place, planned) in ready.plan.sources.iter().enumerate() {
        let composed = !planned.members.is_empty();
        if composed || name.is_some_and(|name| name != &*planned.name) {
            continue;
        }
        let checkup = runtime.block_on(checkup(&ready, place)).map_err(probe_failure)?;
        if !args.json {
            print(&as_text(&ready, place, &checkup))?;
        }
        seen.push((place, checkup));
    }
    runtime.shutdown_background();
    servers.tell_ended();
    servers.discard_logs();
    servers.stop();
    if args.json {
        print(&as_json(&ready, &seen))?;
    } else if seen.is_empty() {
        print("no source of its own to check: a route or panel asks the sources that it names\n")?;
    }
    let unfit = seen
        .iter()
        .any(|(_, seen)| seen.verdict.as_ref().is_some_and(|verdict| !verdict.findings.is_empty()));
    Ok(if unfit { Exit::SelfCheck } else { Exit::Success })
}

fn as_json(ready: &Ready, seen: &[(usize, Checkup)]) -> String {
    let sources: Vec<Value> = seen
        .iter()
        .map(|(place, seen)| {
            let planned = &ready.plan.sources[*place];
            json!({
                "source": planned.name,
                "kind": planned.kind,
                "identity": seen.identity,
                "item": seen.item.as_ref().map(example_json),
                "self-check": seen.verdict.as_ref().map(verdict_json),
            })
        })
        .collect();
    format!("{:#}\n", json!({ "schema": "tribunal-source-check/1", "sources": sources }))
}

fn example_json(example: &Example) -> Value {
    json!({
        "suite": example.suite,
        "subset": example.subset,
        "id": example.id,
        "inspection": example.inspection.as_ref().ok().and_then(Option::as_ref),
        "inspection-error": example.inspection.as_ref().err(),
        "scores": example.scores.as_ref().ok(),
        "no-scores": example.scores.as_ref().err(),
    })
}

fn verdict_json(verdict: &Verdict) -> Value {
    let findings: Vec<Value> = verdict
        .findings
        .iter()
        .map(|finding| json!({ "finding": finding.to_string(), "remedy": finding.remedy() }))
        .collect();
    json!({
        "right": verdict.right,
        "tied": verdict.tied,
        "of": verdict.checked,
        "findings": findings,
        "notes": verdict.notes,
        "passed": verdict.findings.is_empty(),
    })
}

fn as_text(ready: &Ready, place: usize, seen: &Checkup) -> String {
    let planned = &ready.plan.sources[place];
    let mut lines = vec![
        format!("source {} ({})", plain(&planned.name), plain(&planned.kind)),
        format!(
            "  identity     {}",
            plain(&format!("{} {}", seen.identity.name, seen.identity.fingerprint))
        ),
    ];
    match &seen.item {
        Some(example) => lines.extend(example_lines(example)),
        None => lines.push("  item         none of its suites holds one".to_owned()),
    }
    match &seen.verdict {
        Some(verdict) => lines.extend(verdict_lines(verdict)),
        None => {
            lines.push("  self-check   nothing to check: a control, or recorded answers".to_owned())
        }
    }
    format!("{}\n\n", lines.join("\n"))
}

fn example_lines(example: &Example) -> Vec<String> {
    let item = format!("{} / {} / {}", example.suite, example.subset, example.id);
    let mut lines = vec![format!("  item         {}", plain(&item))];
    match &example.inspection {
        Ok(Some(inspection)) => lines.extend(inspection_lines(inspection)),
        Ok(None) => {}
        Err(error) => lines.push(format!("  not shown    {}", plain(error))),
    }
    lines.push(match &example.scores {
        Ok(scores) => {
            let scores: Vec<String> = scores.iter().map(f64::to_string).collect();
            let what = if scores.len() == 1 { "score" } else { "scores" };
            format!("  {what:<12} {}", scores.join(", "))
        }
        Err(reason) => format!("  score        none ({})", plain(reason)),
    });
    lines
}

fn inspection_lines(inspection: &Inspection) -> Vec<String> {
    let Inspection { rendered, exact, tokens, bos, most_tokens, read_at, notes } = inspection;
    let count = rendered.chars().count();
    let by = if *exact { "as the model reads it" } else { "before the server's template" };
    let mut lines = vec![format!("  rendered     {count} characters, {by}")];
    lines.extend(ends(rendered).lines().map(|line| format!("    | {}", plain(line))));
    let most = match most_tokens {
        Some(most) => format!("the model reads at most {most}"),
        None => "how many the model reads is not known".to_owned(),
    };
    lines.push(match tokens.len() {
        0 => format!("  tokens       not told by the server; {most}"),
        count => format!("  tokens       {count}; {most}"),
    });
    if !tokens.is_empty() {
        let ids = |ids: &[u32]| ids.iter().map(u32::to_string).collect::<Vec<_>>().join(" ");
        let last = tokens.len().saturating_sub(IDS).max(IDS.min(tokens.len()));
        let between = if last > IDS { " ... " } else { " " };
        let shown =
            format!("{}{between}{}", ids(&tokens[..IDS.min(tokens.len())]), ids(&tokens[last..]));
        lines.push(format!("  ids          {}", shown.trim_end()));
    }
    lines.push(match bos {
        Some((token, count)) => {
            format!("  BOS          token {token}, {count} at the start (1 is right)")
        }
        None => "  BOS          not known".to_owned(),
    });
    if !read_at.is_empty() {
        lines.push(format!("  read at      {}", plain(read_at)));
    }
    lines.extend(notes.iter().map(|note| format!("  note         {}", plain(note))));
    lines
}

/// The text, or both of its ends when it is long.
fn ends(text: &str) -> String {
    let count = text.chars().count();
    if count <= 2 * SHOWN {
        return text.to_owned();
    }
    let first: String = text.chars().take(SHOWN).collect();
    let last: String = text.chars().skip(count - SHOWN).collect();
    format!("{first}\n[... {} characters left out ...]\n{last}", count - 2 * SHOWN)
}

fn verdict_lines(verdict: &Verdict) -> Vec<String> {
    let Verdict { checked, right, tied, findings, notes } = verdict;
    let ties = if *tied > 0 { format!(", {tied} tied") } else { String::new() };
    let mut lines = vec![format!("  known pairs  {right} of {checked} right{ties}")];
    lines.extend(notes.iter().map(|note| format!("  note         {}", plain(note))));
    if findings.is_empty() {
        lines.push("  verdict      sound".to_owned());
    }
    for finding in findings {
        lines.push(format!("  verdict      {}", plain(&finding.to_string())));
        lines.push(format!("  remedy       {}", plain(finding.remedy())));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_many_tokens_are_shown_and_few_are_shown_once() {
        let line = |count: u32| {
            let tokens: Vec<u32> = (0..count).collect();
            let inspection = Inspection { tokens, ..Inspection::default() };
            let lines = inspection_lines(&inspection);
            lines.into_iter().find(|line| line.contains("ids")).unwrap_or_default()
        };
        assert_eq!(line(3), "  ids          0 1 2");
        assert_eq!(line(10), "  ids          0 1 2 3 4 5 6 7 8 9");
        assert_eq!(line(100), "  ids          0 1 2 3 4 5 6 7 ... 92 93 94 95 96 97 98 99");
    }

    #[test]
    fn a_long_text_is_shown_by_its_ends() {
        let text = format!("{}{}", "a".repeat(700), "b".repeat(700));
        let shown = ends(&text);
        assert!(shown.starts_with(&"a".repeat(600)) && shown.ends_with(&"b".repeat(600)));
        assert!(shown.contains("[... 200 characters left out ...]"));
        assert_eq!(ends("short"), "short");
    }
}
