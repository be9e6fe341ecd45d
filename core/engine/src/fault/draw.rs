//! All faults of a recipe together, and their drawing with file, line and caret.

use super::place::Mark;
use super::{Fault, Placed, SourceFile};
use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use std::fmt::{self, Write as _};
use std::ops::Range;
use std::sync::Arc;

/// Every fault found in a recipe, never empty when it is an error. Ordered by file, position and message; equal ones stand once.
#[derive(Clone, Debug, Default)]
pub struct Faults(Vec<Placed>);

impl Faults {
    /// Faults without a recipe to draw them in.
    pub fn unplaced(faults: impl IntoIterator<Item = Fault>) -> Self {
        Self::placed(
            faults
                .into_iter()
                .map(|fault| Placed { fault, mark: None, also: Vec::new() })
                .collect(),
        )
    }

    /// Number of faults.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The faults in order.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter().map(|placed| &placed.fault)
    }

    /// Takes in the faults of `other`, also of another recipe.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
        self.settle();
    }

    /// `value` when there is no fault.
    ///
    /// # Errors
    ///
    /// The faults themselves.
    pub fn or_else<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }

    /// Draws all faults, a blank line between two and a line end behind the last. Without `color` the text holds no
    /// control character but line ends.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        self.0.iter().map(|placed| draw(placed, &renderer, color)).collect::<Vec<_>>().join("\n")
    }

    /// Faults that already have their places.
    pub(crate) fn placed(placed: Vec<Placed>) -> Self {
        let mut faults = Self(placed);
        faults.settle();
        faults
    }

    pub(crate) fn into_placed(self) -> Vec<Placed> {
        self.0
    }

    fn settle(&mut self) {
        let order = |placed: &Placed| {
            let mark = placed.mark.as_ref();
            (
                mark.map(|mark| (mark.file.order, mark.file.shown.clone(), span_order(mark))),
                placed.fault.key.clone(),
                placed.fault.message.clone(),
            )
        };
        self.0.sort_by_cached_key(order);
        self.0.dedup_by(|a, b| order(a) == order(b));
    }
}

fn span_order(mark: &Mark) -> Option<(usize, usize)> {
    mark.span.as_ref().map(|span| (span.start, span.end))
}

impl fmt::Display for Faults {
    /// One line a fault: `file:line:column: message`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, placed) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_char('\n')?;
            }
            match placed.mark.as_ref().map(|mark| (mark, mark.spot())) {
                Some((mark, Some(spot))) if mark.span.is_some() => {
                    write!(f, "{}:{}:{}: ", plain(&spot.file), spot.line, spot.column)?;
                }
                Some((mark, Some(_))) => write!(f, "{}: ", plain(&mark.file.shown))?,
                _ if !placed.fault.key.is_root() => {
                    write!(f, "{}: ", plain(&placed.fault.key.to_string()))?
                }
                _ => {}
            }
            f.write_str(&plain(&placed.fault.message))?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

fn draw(placed: &Placed, renderer: &Renderer, color: bool) -> String {
    let fault = &placed.fault;
    let message = plain(&fault.message);
    let mut group = Level::ERROR.primary_title(message.as_str()).elements(Vec::<Origin<'_>>::new());
    for element in elements(placed) {
        group = match element {
            Piece::Text(snippet) => group.element(snippet),
            Piece::File(origin) => group.element(origin),
        };
    }
    // The renderer replaces the control characters of ASCII in the text of a file, and no others.
    let mut drawn =
        renderer.render(&[group]).replace(|c| matches!(c, '\u{80}'..='\u{9f}'), "\u{fffd}");
    drawn.push('\n');
    for (name, text) in notes(placed) {
        let _ = match name {
            "" => writeln!(drawn, "{text}"),
            name if color => writeln!(drawn, "\u{1b}[1m{name}:\u{1b}[0m {text}"),
            name => writeln!(drawn, "{name}: {text}"),
        };
    }
    drawn
}

enum Piece<'a> {
    Text(Snippet<'a, annotate_snippets::Annotation<'a>>),
    File(Origin<'a>),
}

/// One snippet a file: the primary caret first, further places of the fault beside it.
fn elements(placed: &Placed) -> Vec<Piece<'_>> {
    let Some(mark) = &placed.mark else { return Vec::new() };
    if mark.file.text.is_none() {
        return Vec::new();
    }
    let Some((text, span)) = drawable(mark) else {
        return vec![Piece::File(Origin::path(plain(&mark.file.shown)))];
    };
    let label = placed.fault.label.as_deref().map(plain);
    let mut snippet = Snippet::source(text)
        .path(plain(&mark.file.shown))
        .annotation(AnnotationKind::Primary.span(span).label(label));
    let mut others: Vec<(&Arc<SourceFile>, Piece<'_>)> = Vec::new();
    for (also, label) in &placed.also {
        let Some((text, span)) = drawable(also) else { continue };
        let annotation = AnnotationKind::Context.span(span).label(plain(label));
        if Arc::ptr_eq(&also.file, &mark.file) {
            snippet = snippet.annotation(annotation);
        } else {
            let other = Snippet::source(text).path(plain(&also.file.shown)).annotation(annotation);
            others.push((&also.file, Piece::Text(other)));
        }
    }
    let mut pieces = vec![Piece::Text(snippet)];
    pieces.extend(others.into_iter().map(|(_, piece)| piece));
    pieces
}

/// The text and the span to underline: at least one character where there is one, and never past the end of its line.
fn drawable(mark: &Mark) -> Option<(&str, Range<usize>)> {
    let text = mark.file.text.as_deref()?;
    let span = mark.span.clone()?;
    let start = span.start.min(text.len());
    let line = text.get(start..)?;
    let line = &line[..line.find(['\r', '\n']).unwrap_or(line.len())];
    let least = line.chars().next().map_or(0, char::len_utf8);
    let length = span.end.saturating_sub(start).clamp(least, line.len().max(least));
    let end = (start..=start + length).rev().find(|end| text.is_char_boundary(*end))?;
    Some((text, start..end))
}

fn notes(placed: &Placed) -> Vec<(&'static str, String)> {
    let fault = &placed.fault;
    let mut notes = Vec::new();
    if placed.mark.as_ref().is_none_or(|mark| mark.file.text.is_none()) && !fault.key.is_root() {
        notes.push(("at", plain(&fault.key.to_string())));
    }
    if !fault.known.is_empty() {
        notes.push(("", format!("known {}: {}", fault.known_as, plain(&fault.known.join(", ")))));
    }
    if let Some(suggestion) = &fault.suggestion {
        notes.push(("", format!("did you mean `{}`?", plain(suggestion))));
    }
    if let Some(hint) = &fault.hint {
        notes.push(("hint", plain(hint)));
    }
    notes
}

/// The text with control characters written out, so that a value from a file cannot steer a terminal.
fn plain(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut plain, c| {
        if c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
            plain.extend(c.escape_default());
        } else {
            plain.push(c);
        }
        plain
    })
}
