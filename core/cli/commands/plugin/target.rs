//! What a person names as a plugin: a library, a Python file, or a program with its arguments.

use std::path::{Path, PathBuf};

use tribunal_loader::{LoadError, Origin, Plugin, Spec};

use tribunal_api::Registry;

use crate::exit::Failure;
use crate::plugins::{host, log};

/// The program that serves Python files.
const PYTHON: [&str; 3] = ["python3", "-m", "tribunal_adapter"];

/// What the words of a command line lead to.
///
/// # Errors
///
/// Words that a shell would not take either.
pub(super) fn target(words: &[String]) -> Result<Origin, Failure> {
    let here = || std::env::current_dir().map_err(Failure::from);
    // Without the `.` of `./x.so` in its middle.
    let absolute = |path: &Path| Ok::<PathBuf, Failure>(here()?.join(path).components().collect());
    let [one] = words else {
        return Ok(Origin::Command { command: words.to_vec(), folder: here()? });
    };
    let path = Path::new(one);
    if path.extension().is_some_and(|suffix| suffix == "py") && path.is_file() {
        return Ok(of_python(&absolute(path)?));
    }
    if path.is_file() {
        let path = absolute(path)?;
        return Ok(match is_program(&path) {
            true => Origin::Command { command: vec![path.display().to_string()], folder: here()? },
            false => Origin::Library(path),
        });
    }
    let split = split(one).ok_or_else(|| {
        Failure::usage(
            format!("a quote in `{one}` is not closed"),
            "close it, or put the words behind `--`",
        )
    })?;
    match split.as_slice() {
        [] => {
            Err(Failure::usage("no plugin is named", "name a library, a Python file or a program"))
        }
        [word] if is_library_name(word) || word.contains('/') => {
            Ok(Origin::Library(absolute(Path::new(word))?))
        }
        _ => Ok(Origin::Command { command: split, folder: here()? }),
    }
}

/// Loads what is named into the registry.
///
/// # Errors
///
/// Exit code 5, with a remedy for Python files whose package is not found.
pub(super) fn load(spec: &Spec, registry: &mut Registry) -> Result<Plugin, Failure> {
    tribunal_loader::load(spec, registry).map_err(|error| {
        let lacks_package = match &error {
            LoadError::Greeting { tail, .. } => tail.contains("No module named tribunal_adapter"),
            _ => false,
        };
        let failure = Failure::from(error);
        match lacks_package {
            true => {
                let hint = "install it with `pip install plugins/python`, or start in a project of \
                            `tribunal plugin new`, which holds it";
                Failure {
                    text: format!("{}hint: {hint}\n", without_hint(&failure.text)),
                    ..failure
                }
            }
            false => failure,
        }
    })
}

/// A plugin with the host of this program and its log.
pub(super) fn spec(origin: Origin) -> Spec {
    Spec { host: host(), log: log(), ..Spec::new(origin) }
}

/// A Python file, served from its own folder: the package may lie beside it.
fn of_python(path: &Path) -> Origin {
    let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let command = PYTHON.iter().map(|&word| word.to_owned()).chain([file]).collect();
    let folder = path.parent().map(Path::to_owned).unwrap_or_else(|| PathBuf::from("."));
    Origin::Command { command, folder }
}

/// True when the file can be started and is no library. A plugin's library has a record; other files are judged by name and mode.
fn is_program(path: &Path) -> bool {
    if is_library_name(&path.to_string_lossy()) {
        return false;
    }
    #[cfg(unix)]
    let may_start = {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o111 != 0)
    };
    #[cfg(not(unix))]
    let may_start = path.extension().is_some_and(|suffix| suffix == "exe");
    may_start && tribunal_loader::inspect(path).is_err()
}

/// True for `x.so`, `x.so.1`, `x.dylib` and `x.dll`.
fn is_library_name(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    file.split('.').skip(1).any(|part| matches!(part, "so" | "dylib" | "dll"))
}

/// The words of a text by the rules of a POSIX shell: blanks part them, quotes hold them together, `\` takes the next character as it
/// is. Nothing is expanded. `None` when a quote is not closed.
fn split(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next()? {
                        '\'' => break,
                        other => word.push(other),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next()? {
                        '"' => break,
                        '\\' => match letters.next()? {
                            kept @ ('"' | '\\' | '$' | '`') => word.push(kept),
                            other => word.extend(['\\', other]),
                        },
                        other => word.push(other),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(letters.next()?),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Some(words)
}

/// The text of a failure without the line that says what to do.
fn without_hint(text: &str) -> String {
    text.lines()
        .filter(|line| !line.starts_with("hint: "))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_does() {
        let words = |text| split(text).map(|words| words.join("|"));
        assert_eq!(words("python3 -m  a.b x.py").as_deref(), Some("python3|-m|a.b|x.py"));
        assert_eq!(words("'/a b/c' \"d \\\" e\" f\\ g ''").as_deref(), Some("/a b/c|d \" e|f g|"));
        assert_eq!(words("a'b'\"c\"").as_deref(), Some("abc"));
        assert_eq!(words(" \t").as_deref(), Some(""));
        assert_eq!(words("a 'b"), None);
        assert_eq!(words("a \"b"), None);
        assert_eq!(words("a\\"), None);
    }

    #[test]
    fn a_library_is_known_by_its_name_and_anything_else_is_a_command() {
        let of = |words: &[&str]| {
            target(&words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>()).unwrap()
        };
        assert!(matches!(of(&["nowhere/libx.so"]), Origin::Library(_)));
        assert!(matches!(of(&["x.so.1.2"]), Origin::Library(_)));
        assert!(matches!(of(&["nowhere/x"]), Origin::Library(_)));
        let Origin::Command { command, .. } = of(&["python3 -m tribunal_adapter 'a b.py'"]) else {
            panic!("no command");
        };
        assert_eq!(command, ["python3", "-m", "tribunal_adapter", "a b.py"]);
        let Origin::Command { command, .. } = of(&["serve", "--fast"]) else {
            panic!("no command")
        };
        assert_eq!(command, ["serve", "--fast"]);
    }

    #[test]
    fn a_python_file_is_served_from_its_own_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("short_replies.py");
        std::fs::write(&path, "").unwrap();
        let Origin::Command { command, folder: from } =
            target(&[path.display().to_string()]).unwrap()
        else {
            panic!("no command");
        };
        assert_eq!(command, ["python3", "-m", "tribunal_adapter", "short_replies.py"]);
        assert_eq!(from, folder.path());
    }
}
