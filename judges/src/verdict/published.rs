//! The readings of published protocols, exactly as their programs do it, mistakes included.

use super::tally::missing;
use super::{Parse, Readout, Verdict, best_of, tie_of};

/// Reads a reply the published way; `None` for a parse that is no published one, or has no rule for this readout.
pub(super) fn read(
    parse: Parse,
    readout: Readout,
    reply: &str,
    candidates: usize,
) -> Option<Verdict> {
    match (parse, readout) {
        (Parse::Rewardbench | Parse::Rewardbench2, Readout::Letter) => {
            Some(first_of(reply, candidates, "[[", "]]"))
        }
        (Parse::Rewardbench2, Readout::Number) => Some(last_token(reply)),
        (Parse::RewardbenchPrometheus, Readout::Letter) => Some(last_character(reply, candidates)),
        (Parse::ArenaHard, Readout::Letter) => Some(arena_hard(reply)),
        (Parse::Vanilla, Readout::Letter) => Some(match trimmed(reply) {
            "Output (a)" => winner(0),
            "Output (b)" => winner(1),
            _ => missing(reply),
        }),
        (Parse::Prometheus, Readout::Letter) => Some(prometheus_relative(reply)),
        (Parse::Prometheus, Readout::Number) => Some(prometheus_absolute(reply)),
        (Parse::SkyworkCritic, Readout::Letter) => Some(first_of(reply, 2, "", "")),
        (Parse::RmR1, Readout::Letter) => {
            let both = reply.contains("[[A]]") && reply.contains("[[B]]");
            let disagreeing = Verdict::Unreadable("[[A]] and [[B]]".to_owned());
            Some(if both { disagreeing } else { first_of(reply, 2, "[[", "]]") })
        }
        _ => None,
    }
}

fn winner(position: usize) -> Verdict {
    Verdict::Scores(best_of(position, 2))
}

/// The first of the labels, in the order of the alphabet, that occurs anywhere.
fn first_of(reply: &str, candidates: usize, before: &str, after: &str) -> Verdict {
    let occurs = |position: &usize| {
        let letter = char::from(b'A' + *position as u8);
        reply.contains(&format!("{before}{letter}{after}"))
    };
    match (0..candidates.min(26)).find(occurs) {
        Some(position) => Verdict::Scores(best_of(position, candidates)),
        None => missing(reply),
    }
}

/// The white space of the published programs' language, which counts four separators more.
fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

fn trimmed(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// A whole number from 1 to 10 at the end, not preceded by a word character.
fn last_token(reply: &str) -> Verdict {
    let text = trimmed(reply);
    let rating = match text.strip_suffix("10") {
        Some(before) if !ends_in_word(before) => Some(10.0),
        _ => text.char_indices().next_back().and_then(|(start, last)| {
            let digit = last.to_digit(10).filter(|digit| *digit > 0)?;
            (!ends_in_word(&text[..start])).then(|| f64::from(digit))
        }),
    };
    rating.map_or_else(|| missing(reply), |rating| Verdict::Scores(vec![rating]))
}

fn ends_in_word(text: &str) -> bool {
    text.chars().next_back().is_some_and(|last| last.is_alphanumeric() || last == '_')
}

/// The last character, when `[RESULT]` stands anywhere.
fn last_character(reply: &str, candidates: usize) -> Verdict {
    let last = reply.chars().next_back().filter(|_| reply.contains("[RESULT]"));
    let position = last.and_then(|last| "ABCD".chars().position(|letter| letter == last));
    match position.filter(|position| *position < candidates) {
        Some(position) => Verdict::Scores(best_of(position, candidates)),
        None => missing(reply),
    }
}

/// Every label of `A`, `B`, `<`, `>`, `=` in double brackets; one distinct label decides, `>>` counting as `>`.
fn arena_hard(reply: &str) -> Verdict {
    let mut labels: Vec<&str> = Vec::new();
    let mut from = 0;
    while let Some(found) = reply.get(from..).and_then(|rest| rest.find("[[")) {
        let start = from + found + 2;
        let inside = reply[start..]
            .bytes()
            .take_while(|byte| matches!(byte, b'A' | b'B' | b'<' | b'>' | b'='))
            .count();
        let label = &reply[start..start + inside];
        if inside > 0 && reply[start + inside..].starts_with("]]") {
            if !labels.contains(&label) && labels.len() < 2 {
                labels.push(label);
            }
            from = start + inside + 2;
        } else {
            from = start - 1;
        }
    }
    match labels[..] {
        [] => missing(reply),
        [label] => match label.replace(">>", ">").as_str() {
            "A>B" => winner(0),
            "B>A" => winner(1),
            "A=B" | "B=A" => Verdict::Scores(tie_of(2)),
            _ => Verdict::Unreadable(super::token::short(&format!("[[{label}]]"))),
        },
        [one, other, ..] => {
            Verdict::Unreadable(super::token::short(&format!("[[{one}]] and [[{other}]]")))
        }
    }
}

/// The rest of a text behind a beginning, letters compared without case.
fn behind<'t>(text: &'t str, beginning: &str) -> Option<&'t str> {
    let head = text.get(..beginning.len())?;
    head.eq_ignore_ascii_case(beginning).then(|| &text[beginning.len()..])
}

fn after_space(text: &str) -> &str {
    text.trim_start_matches(is_space)
}

/// The places where one of the published beginnings can stand.
fn places(reply: &str) -> impl Iterator<Item = (usize, &str)> {
    let starts = |(_, byte): &(usize, u8)| matches!(byte, b'[' | b's' | b'S' | b'r' | b'R');
    reply.bytes().enumerate().filter(starts).map(|(at, _)| (at, &reply[at..]))
}

/// `[RESULT]` or one of its variants, then A or B, then a closing bracket, white space or the end.
fn prometheus_relative(reply: &str) -> Verdict {
    let letter = |rest: &str| {
        let mut characters = after_space(rest).chars();
        let position = match characters.next()? {
            'A' | 'a' => 0,
            'B' | 'b' => 1,
            _ => return None,
        };
        characters.next().is_none_or(|next| next == ']' || is_space(next)).then_some(position)
    };
    for (at, text) in places(reply) {
        let bracket = behind(text, "[result]");
        let spelled = bracket.map(after_space).and_then(|rest| behind(rest, "response"));
        let spelled = spelled.filter(|_| bracket.is_some_and(|rest| rest.starts_with(is_space)));
        let colon = behind(text, "[result:");
        let response = behind(text, "[response").filter(|rest| rest.starts_with(is_space));
        let begins = at == 0 || reply.as_bytes()[at - 1] == b'\n';
        let line = behind(text, "result").filter(|_| begins);
        let line = line.map(|rest| rest.strip_prefix(':').unwrap_or(rest));
        let found =
            [bracket, colon, response, spelled, line].into_iter().flatten().find_map(letter);
        if let Some(position) = found {
            return winner(position);
        }
    }
    missing(reply)
}

/// `[RESULT]`, `Score:` or one of their variants, then a whole number, then a closing bracket, white space, the end,
/// `/5` or `out of 5`. The first such number counts, if it lies from 1 to 5.
fn prometheus_absolute(reply: &str) -> Verdict {
    for (_, text) in places(reply) {
        let beginnings =
            ["[result]:", "[result]", "[score]", "score:", "score", "result:", "result"];
        let of = behind(text, "score").filter(|rest| rest.starts_with(is_space));
        let of = of.and_then(|rest| behind(after_space(rest), "of"));
        let rests = beginnings.iter().filter_map(|beginning| behind(text, beginning)).chain(of);
        for rest in rests {
            let rest = rest.trim_start_matches(|one| one == '(' || one == '[' || is_space(one));
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (digits, behind_it) = rest.split_at(digits);
            if digits.is_empty() || !ends_number(behind_it) {
                continue;
            }
            return match digits.parse::<u32>() {
                Ok(rating @ 1..=5) => Verdict::Scores(vec![f64::from(rating)]),
                _ => Verdict::Unreadable(super::token::short(digits)),
            };
        }
    }
    missing(reply)
}

fn ends_number(rest: &str) -> bool {
    if rest.is_empty() || rest.starts_with(|one: char| one == ')' || one == ']' || is_space(one)) {
        return true;
    }
    let five = |rest: &str| after_space(rest).starts_with('5');
    rest.strip_prefix('/').is_some_and(five)
        || behind(rest, "out").and_then(|rest| behind(after_space(rest), "of")).is_some_and(five)
}
