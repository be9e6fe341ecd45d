//! The known name that a wrong one was probably meant to be.

/// Share of a name that must agree before it is suggested, 0 to 1.
const LEAST_LIKENESS: f64 = 0.6;

/// A hint for a name that is not known: the nearest known one, else all of them.
pub(crate) fn hint<'k>(wrong: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let nearest = known
        .iter()
        .map(|name| (strsim::normalized_damerau_levenshtein(wrong, name), name))
        .filter(|(likeness, _)| *likeness >= LEAST_LIKENESS)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    match nearest {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None => {
            let quoted: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            format!("use one of {}", quoted.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_has_a_neighbour_and_a_strange_name_has_none() {
        let known = ["hep-python", "hep-rust"];
        assert_eq!(hint("hep-pyton", known), "did you mean `hep-python`?");
        assert_eq!(hint("weather", known), "use one of `hep-python`, `hep-rust`");
    }
}
