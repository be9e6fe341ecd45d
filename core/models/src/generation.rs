//! Blocks that mark what a model is trained to write: `{% generation %}`. They change no text.

use std::borrow::Cow;

/// The template with each `generation` tag turned into a `with` tag, which has the same scope and keeps
/// the rules of whitespace around tags. Lines keep their numbers.
pub(crate) fn accept_generation_blocks(template: &str) -> Cow<'_, str> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(found) = template[at..].find('{') {
        let open = at + found;
        at = match &template.as_bytes()[open + 1..] {
            [b'#', ..] => end_of(template, open, "#}"),
            [b'{', ..] => end_of_tag(template, open, "}}"),
            [b'%', ..] => {
                let end = end_of_tag(template, open, "%}");
                match word_of(template, open) {
                    (_, "raw") => end_of_raw(template, end),
                    (start, word @ ("generation" | "endgeneration")) => {
                        words.push((start, word));
                        end
                    }
                    _ => end,
                }
            }
            _ => open + 1,
        };
    }
    if words.is_empty() {
        return Cow::Borrowed(template);
    }
    let mut text = String::with_capacity(template.len());
    let mut done = 0;
    for (start, word) in words {
        text.push_str(&template[done..start]);
        text.push_str(if word == "generation" { "with" } else { "endwith" });
        done = start + word.len();
    }
    text.push_str(&template[done..]);
    Cow::Owned(text)
}

/// First word of the tag that opens here, with its place.
fn word_of(template: &str, open: usize) -> (usize, &str) {
    let inside = &template[open + 2..];
    let bare = inside.trim_start_matches(['-', '+']).trim_start();
    let length = bare.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
    (template.len() - bare.len(), &bare[..length.unwrap_or(bare.len())])
}

fn end_of(template: &str, open: usize, close: &str) -> usize {
    let found = template[open + 2..].find(close);
    found.map_or(template.len(), |place| open + 2 + place + close.len())
}

/// End of a tag: the first `close` outside of quotes and inner brackets.
fn end_of_tag(template: &str, open: usize, close: &str) -> usize {
    let bytes = template.as_bytes();
    let mut depth = 0_usize;
    let mut at = open + 2;
    while at < bytes.len() {
        match bytes[at] {
            quote @ (b'"' | b'\'') => {
                at += 1;
                while at < bytes.len() && bytes[at] != quote {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
            }
            _ if depth == 0 && bytes[at..].starts_with(close.as_bytes()) => return at + 2,
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    template.len()
}

fn end_of_raw(template: &str, from: usize) -> usize {
    let mut at = from;
    while let Some(found) = template[at..].find("{%") {
        let open = at + found;
        if word_of(template, open).1 == "endraw" {
            return open + 2;
        }
        at = open + 2;
    }
    template.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_keep_their_whitespace_marks_and_places() {
        let template = "{%- generation -%}\n{{ x }}{%+endgeneration%}";
        assert_eq!(accept_generation_blocks(template), "{%- with -%}\n{{ x }}{%+endwith%}");
    }

    #[test]
    fn the_word_elsewhere_is_left_alone() {
        for template in [
            "a {% generation",
            "{# {% generation %} #}",
            "{{ '{% generation %}' }}",
            "{{ {'a': {'b': \"}}\"}} ~ '{% generation %}' }}",
            "{% set x = '%}{% generation %}' %}",
            "{% raw %}{% generation %}{% endraw %}",
            "{% if generation %}{% endif %}{{ generation }}",
            "{ % generation %}{% generations %}",
            "no tags, {é} and a {",
        ] {
            let accepted = accept_generation_blocks(template);
            let expected = template.replace("a {% generation", "a {% with");
            assert_eq!(accepted, expected);
        }
    }

    #[test]
    fn a_tag_after_raw_text_is_found() {
        let template = "{% raw %}{{{% endraw %}{% generation %}x{% endgeneration %}";
        let expected = "{% raw %}{{{% endraw %}{% with %}x{% endwith %}";
        assert_eq!(accept_generation_blocks(template), expected);
    }
}
