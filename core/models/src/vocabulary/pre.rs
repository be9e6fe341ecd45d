//! Which of llama.cpp's ways to split texts a tokenizer's patterns are.
//!
//! Source of the names: `src/llama-vocab.cpp` of llama.cpp, which also holds most of the patterns; the others are those of the models'
//! own files.

const CONTRACTIONS: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const TAIL: &str = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const WORD: &str = r"[^\r\n\p{L}\p{N}]?\p{L}+";
const LOWER: &str = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+";
const UPPER: &str = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*";
const BEFORE: &str = r"[^\r\n\p{L}\p{N}]?";
const SLASH_TAIL: &str = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const DEEPSEEK: &str = concat!(
    r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"##,
    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);

/// The pattern that a `ByteLevel` step brings itself.
pub(super) const BYTE_LEVEL: &str =
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
/// Digits one by one.
pub(super) const DIGIT: &str = r"\p{N}";

/// The name, given the patterns in their order and whether words of the vocabulary are taken whole.
pub(super) fn name_of(patterns: &[String], ignore_merges: bool) -> Option<&'static str> {
    let patterns: Vec<String> = patterns.iter().map(|pattern| plain(pattern)).collect();
    let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
    let by_digits = |digits: &str| format!("{CONTRACTIONS}|{WORD}|{digits}|{TAIL}");
    let (three, one) = (by_digits(r"\p{N}{1,3}"), by_digits(DIGIT));
    let qwen35 = format!(
        r"{CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?[\p{{L}}\p{{M}}]+|\p{{N}}| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    );
    let tekken = format!(r"{BEFORE}{LOWER}|{BEFORE}{UPPER}|\p{{N}}|{SLASH_TAIL}");
    let gpt4o = format!(
        r"{BEFORE}{LOWER}{CONTRACTIONS}?|{BEFORE}{UPPER}{CONTRACTIONS}?|\p{{N}}{{1,3}}|{SLASH_TAIL}"
    );
    let name = match (&patterns[..], ignore_merges) {
        ([BYTE_LEVEL], false) => "gpt-2",
        ([DIGIT, BYTE_LEVEL], false) => "starcoder",
        ([pattern], true) if *pattern == three => "llama-bpe",
        ([pattern], false) if *pattern == three => "smaug-bpe",
        ([pattern], false) if *pattern == one => "qwen2",
        ([pattern], false) if *pattern == qwen35 => "qwen35",
        ([pattern], true) if *pattern == tekken => "tekken",
        ([pattern], false) if *pattern == gpt4o => "gpt-4o",
        ([r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+", DEEPSEEK], false) => "deepseek-v3",
        _ => return None,
    };
    Some(name)
}

/// One way to write a pattern: ends of lines as escapes, contractions by a flag, `{1}` left out.
fn plain(pattern: &str) -> String {
    pattern
        .replace('\r', r"\r")
        .replace('\n', r"\n")
        .replace("(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])", CONTRACTIONS)
        .replace(r"\p{N}{1}|", r"\p{N}|")
}

#[cfg(test)]
mod tests {
    use super::*;

    const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    fn name(patterns: &[&str], ignore_merges: bool) -> Option<&'static str> {
        let patterns: Vec<String> = patterns.iter().map(|each| (*each).to_owned()).collect();
        name_of(&patterns, ignore_merges)
    }

    #[test]
    fn patterns_of_known_models_have_names() {
        assert_eq!(name(&[QWEN2], false), Some("qwen2"));
        assert_eq!(name(&[LLAMA3], true), Some("llama-bpe"));
        assert_eq!(name(&[BYTE_LEVEL], false), Some("gpt-2"));
    }

    #[test]
    fn a_pattern_with_real_ends_of_lines_is_the_same() {
        assert_eq!(name(&[&QWEN2.replace(r"\r", "\r").replace(r"\n", "\n")], false), Some("qwen2"));
    }

    #[test]
    fn words_taken_whole_are_part_of_the_name() {
        assert_eq!(name(&[LLAMA3], false), Some("smaug-bpe"));
        assert_eq!(name(&[QWEN2], true), None);
    }

    #[test]
    fn an_unknown_pattern_has_no_name() {
        assert_eq!(name(&[r"\w+|\s+"], false), None);
        assert_eq!(name(&[], false), None);
        assert_eq!(name(&[QWEN2, BYTE_LEVEL], false), None);
    }
}
