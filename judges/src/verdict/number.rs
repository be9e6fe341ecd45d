//! Numbers on a scale.

use super::NumberForm;

/// What a piece of text is on a scale.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Rating {
    /// A number on the scale.
    On(f64),
    /// A number, or something that begins like one, that is not on the scale or not whole where it has to be.
    Off,
    /// No number.
    Not,
}

impl NumberForm {
    /// Reads a whole token: digits, and a fraction where `fractions` are welcome.
    pub(super) fn rating(&self, token: &str, fractions: bool) -> Rating {
        let unsigned = token.strip_prefix(['-', '+', '−']).unwrap_or(token);
        if !unsigned.starts_with(|character: char| character.is_numeric()) {
            return Rating::Not;
        }
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
        let digits = |part: &str| {
            !part.is_empty() && part.len() <= 9 && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        let padded = whole.len() > 1 && whole.starts_with('0');
        let signed = token.starts_with(['+', '−']);
        if !digits(whole) || !digits(fraction) || padded || signed {
            return Rating::Off;
        }
        if !fractions && unsigned.contains('.') {
            return Rating::Off;
        }
        match token.parse::<f64>() {
            Ok(value) if value >= self.low as f64 && value <= self.high as f64 => Rating::On(value),
            _ => Rating::Off,
        }
    }
}
