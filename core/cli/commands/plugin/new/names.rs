//! Names of projects: what is a kind, a crate and a module at the same time, and taken by nobody else.

use tribunal_api::Component;

use crate::args::Language;
use crate::builtin;
use crate::exit::Failure;

/// Longest name.
const MOST: usize = 60;

/// Words that no crate can be called.
const OF_RUST: &str = "abstract alloc as async await become box break build const continue core crate deps do dyn else enum examples \
    extern false final fn for gen if impl in incremental let loop macro match mod move mut override priv proc-macro pub ref return \
    schemars self serde serde-json static std struct super test trait tribunal-api true try type typeof unsafe unsized use virtual \
    where while yield";

/// Modules of Python that a file in the folder of a program would take the place of.
const OF_PYTHON: &str = "abc aifc antigravity argparse array ast asyncio atexit audioop base64 bdb binascii bisect builtins bz2 calendar \
    cgi cgitb chunk cmath cmd code codecs codeop collections colorsys compileall concurrent configparser contextlib contextvars copy \
    copyreg crypt csv ctypes curses dataclasses datetime dbm decimal difflib dis distutils doctest email encodings ensurepip enum errno \
    faulthandler fcntl filecmp fileinput fnmatch fractions ftplib functools gc genericpath getopt getpass gettext glob graphlib grp gzip \
    hashlib heapq hmac html http idlelib imaplib imghdr imp importlib inspect io ipaddress itertools json keyword linecache locale \
    logging lzma mailbox mailcap marshal math mimetypes mmap modulefinder multiprocessing netrc nis nntplib nt ntpath nturl2path numbers \
    opcode operator optparse os ossaudiodev pathlib pdb pickle pickletools pipes pkgutil platform plistlib poplib posix posixpath pprint \
    profile pstats pty pwd py-compile pyclbr pydoc pyexpat queue quopri random re readline reprlib resource rlcompleter runpy sched \
    secrets select selectors shelve shlex shutil signal site smtplib sndhdr socket socketserver spwd sqlite3 ssl stat statistics string \
    stringprep struct subprocess sunau symtable sys sysconfig syslog tabnanny tarfile telnetlib tempfile termios textwrap this \
    threading time timeit tkinter token tokenize tomllib torch trace traceback tracemalloc transformers tribunal-adapter tty turtle \
    types typing unicodedata unittest urllib uu uuid venv warnings wave weakref webbrowser winreg winsound wsgiref xdrlib xml xmlrpc \
    zipapp zipfile zipimport zlib zoneinfo";

/// Refuses a name that is none, or that is taken.
pub(super) fn check(name: &str, language: Language, component: Component) -> Result<(), Failure> {
    if !is_kebab(name) {
        let hint = match kebab(name) {
            _ if name.len() > MOST => format!("{MOST} characters are the most"),
            Some(meant) => {
                format!("write it in lower case with `-` between words, for example `{meant}`")
            }
            None => "begin with a letter; lower case letters, digits and `-` may follow".to_owned(),
        };
        return Err(Failure::usage(format!("`{name}` is no name of a plugin"), hint));
    }
    let (taken, of) = match language {
        Language::Rust => (OF_RUST, "Rust"),
        Language::Python => (OF_PYTHON, "Python"),
        Language::C | Language::Cpp => ("", ""),
    };
    if taken.split_whitespace().any(|word| word == name) {
        return Err(Failure::usage(
            format!("`{name}` is a word of {of} itself"),
            format!("take another name, for example `my-{name}`"),
        ));
    }
    if builtin::registry().find(component, name).is_some() {
        return Err(Failure::usage(
            format!("there is a built-in {component} of the kind `{name}`"),
            format!("take another name, for example `my-{name}`"),
        ));
    }
    Ok(())
}

/// True for words of lower case letters and digits with `-` between them, the first letter no digit.
fn is_kebab(name: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty() && word.chars().all(|one| one.is_ascii_lowercase() || one.is_ascii_digit())
    };
    name.len() <= MOST
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.split('-').all(word)
}

/// The name in the form that is wanted, where it has one.
fn kebab(name: &str) -> Option<String> {
    let mut kebab = String::new();
    for letter in name.chars() {
        match letter {
            'A'..='Z' => {
                if kebab.ends_with(|last: char| last.is_ascii_lowercase()) {
                    kebab.push('-');
                }
                kebab.push(letter.to_ascii_lowercase());
            }
            'a'..='z' | '0'..='9' => kebab.push(letter),
            _ if kebab.ends_with('-') => {}
            _ => kebab.push('-'),
        }
    }
    let kebab = kebab.trim_matches(|one: char| one == '-').to_owned();
    is_kebab(&kebab).then_some(kebab)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn a_name_is_in_kebab_case() {
        for good in ["a", "my-reward", "rm2", "a-1-b"] {
            assert!(is_kebab(good), "{good}");
        }
        for bad in [
            "",
            "My-Reward",
            "my_reward",
            "-a",
            "a-",
            "a--b",
            "1a",
            "a.b",
            "é",
            "a/b",
            &"a".repeat(61),
        ] {
            assert!(!is_kebab(bad), "{bad}");
        }
    }

    #[test]
    fn the_remedy_names_what_may_be_meant() {
        let meant = |name| kebab(name).unwrap_or_default();
        assert_eq!(meant("MyReward"), "my-reward");
        assert_eq!(meant("my_reward model"), "my-reward-model");
        assert_eq!(meant("../x"), "x");
        assert_eq!(meant("..."), "");
        let failure = check("My Reward", Language::C, Component::Source).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.text.contains("for example `my-reward`"), "{}", failure.text);
    }

    #[test]
    fn a_name_that_is_taken_is_refused() {
        let refused = |name, language, component| check(name, language, component).is_err();
        assert!(refused("struct", Language::Rust, Component::Source));
        assert!(refused("json", Language::Python, Component::Source));
        assert!(refused("pairs", Language::C, Component::Suite));
        assert!(!refused("pairs", Language::C, Component::Source));
        assert!(!refused("json", Language::C, Component::Source));
    }
}
