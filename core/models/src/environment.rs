//! The template engine, set as tokenizers set theirs.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind};
use minijinja_contrib::globals::{cycler, joiner};

use crate::Date;
use crate::methods::{call_method, trim};
use crate::tojson::tojson;

/// The template's own refusal, carried through the engine.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refusal(pub(crate) String);

/// The template asked for a date that nobody gave, carried through the engine.
#[derive(Debug, thiserror::Error)]
#[error("no date is given")]
pub(crate) struct NoDate;

/// An engine with the functions, filters and tests of chat templates, without any template.
pub(crate) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("the usual delimiters are valid"));
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_unknown_method_callback(call_method);
    environment.set_debug(true);
    environment.add_filter("tojson", tojson);
    environment.add_filter("trim", trim);
    environment.add_test("sequence", is_sequence);
    environment.add_test("iterable", is_iterable);
    environment.add_function("raise_exception", raise_exception);
    // Templates may ask whether a name is defined, and tokenizers define none of this name.
    environment.remove_global("debug");
    environment.add_function("cycler", cycler);
    environment.add_function("joiner", joiner);
    set_date(&mut environment, None);
    environment
}

/// Sets what `strftime_now` writes: this day at midnight, never the clock.
pub(crate) fn set_date(environment: &mut Environment<'static>, date: Option<Date>) {
    environment.add_function("strftime_now", move |format: String| -> Result<String, Error> {
        let Some(date) = date else {
            let error = Error::new(ErrorKind::InvalidOperation, "`strftime_now` has no date");
            return Err(error.with_source(NoDate));
        };
        date.strftime(&format).map_err(|directive| {
            let message = format!("`strftime_now` does not know `{directive}`");
            Error::new(ErrorKind::InvalidOperation, message)
        })
    });
}

fn raise_exception(message: String) -> Result<Value, Error> {
    let error = Error::new(ErrorKind::InvalidOperation, "`raise_exception` was called");
    Err(error.with_source(Refusal(message)))
}

/// In Python texts and maps have a length and items too.
fn is_sequence(value: &Value) -> bool {
    value.is_undefined()
        || matches!(
            value.kind(),
            ValueKind::Seq | ValueKind::Iterable | ValueKind::String | ValueKind::Map
        )
}

fn is_iterable(value: &Value) -> bool {
    value.kind() == ValueKind::String || value.try_iter().is_ok()
}
