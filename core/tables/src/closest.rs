//! Guessing which known name a wrong one was meant to be.

/// Share of a name that must agree before it is worth suggesting, 0 to 1.
const LEAST_LIKENESS: f64 = 0.6;

/// The known name most like `wanted`, case aside; `None` when none is alike. The first of equals wins.
pub(crate) fn closest<'k>(
    wanted: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<&'k str> {
    let wanted = wanted.to_lowercase();
    let mut best: Option<(f64, &str)> = None;
    for name in known {
        let likeness = strsim::normalized_damerau_levenshtein(&wanted, &name.to_lowercase());
        if likeness >= LEAST_LIKENESS && best.is_none_or(|(most, _)| likeness > most) {
            best = Some((likeness, name));
        }
    }
    best.map(|(_, name)| name)
}

/// Names in backticks, separated by commas, at most twelve of them.
pub(crate) fn quoted_list<'k>(names: impl IntoIterator<Item = &'k str>) -> String {
    const MOST: usize = 12;
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match quoted.len() {
        0 => "nothing".to_owned(),
        1..=MOST => quoted.join(", "),
        all => format!("{} and {} more", quoted[..MOST].join(", "), all - MOST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_form_of_a_key_is_found() {
        assert_eq!(closest("reject", ["chosen", "rejected", "pair_uid"]), Some("rejected"));
    }

    #[test]
    fn a_strange_key_is_not_suggested() {
        assert_eq!(closest("reject", ["prompt", "id"]), None);
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = (0..15).map(|n| format!("k{n}")).collect();
        let text = quoted_list(names.iter().map(String::as_str));
        assert!(text.ends_with("`k11` and 3 more"), "{text}");
        assert_eq!(quoted_list([]), "nothing");
    }
}
