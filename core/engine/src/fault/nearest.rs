//! Guessing which known word was meant by an unknown one.

/// The one of `known` that `found` probably stands for; `None` when nothing is near.
///
/// Near means at most one edit (insertion, deletion, replacement, swap of neighbours) for every three characters, with
/// at least one allowed; letter case and the difference of `-`, `_` and blank do not count. The first of equally near ones wins.
pub fn nearest<'a, K: AsRef<str>>(found: &str, known: &'a [K]) -> Option<&'a str> {
    if found.is_empty() {
        return None;
    }
    let found = plain(found);
    let allowed = (found.chars().count() / 3).max(1);
    known
        .iter()
        .map(|one| (strsim::damerau_levenshtein(&found, &plain(one.as_ref())), one.as_ref()))
        .filter(|(edits, _)| *edits <= allowed)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, one)| one)
}

fn plain(text: &str) -> String {
    // Longer texts are no misspelt words, and the distance costs the product of the lengths.
    text.chars()
        .take(100)
        .map(|c| if c == '_' || c == ' ' { '-' } else { c.to_ascii_lowercase() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_different_word_is_not() {
        let known = ["samples", "suites", "order"];
        assert_eq!(nearest("sampels", &known), Some("samples"));
        assert_eq!(nearest("Suites", &known), Some("suites"));
        assert_eq!(nearest("temperature", &known), None);
    }

    #[test]
    fn an_underscore_stands_for_a_hyphen() {
        assert_eq!(nearest("in_flight", &["in-flight", "batch"]), Some("in-flight"));
    }

    #[test]
    fn a_short_word_may_miss_one_letter() {
        assert_eq!(nearest("bth", &["seeded", "both"]), Some("both"));
        assert_eq!(nearest("", &["both"]), None);
    }
}
