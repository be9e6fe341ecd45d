//! The files of a project by language and component, and the commands that lead from them to a report.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};

use tribunal_api::Component;

use crate::args::Language;
use crate::commands::plugin::embedded::{self, API, HEADER, LICENCE, PAIRS, PYTHON, template};
use crate::exit::Failure;

/// What is written, and what to do with it.
pub(super) struct Project {
    /// Paths below the project's folder, and texts.
    pub files: Vec<(String, String)>,
    /// The file of the author's own code.
    pub source: String,
    /// What to run in the folder, from the sources to a report.
    pub commands: Vec<String>,
}

/// What a language brings.
struct Parts {
    /// The author's own file, and its template.
    source: (String, &'static str),
    /// Everything else of the language: path, text with placeholders.
    files: Vec<(String, String)>,
    /// Rows of the table in the README.
    rows: Vec<String>,
    /// What builds it; `None` for what needs no building.
    build: Option<String>,
    /// The same without other tools than the compiler.
    by_hand: String,
    /// What `plugin check` is given.
    target: String,
    /// The line in `[[plugin]]`.
    origin: String,
    /// What git is to leave out.
    ignored: &'static str,
    /// The page that says more.
    page: &'static str,
}

impl Project {
    /// The project of this name.
    pub(super) fn of(
        name: &str,
        language: Language,
        component: Component,
    ) -> Result<Self, Failure> {
        let parts = match language {
            Language::Rust => rust(name, component),
            Language::C | Language::Cpp => c(name, language, component)?,
            Language::Python => python(name, component),
        };
        let run = match component {
            Component::Generator => "tribunal run recipe.toml --accept-unverified",
            Component::Source | Component::Suite => "tribunal run recipe.toml",
        };
        let commands: Vec<String> = (parts.build.clone().into_iter())
            .chain([format!("tribunal plugin check {}", parts.target), run.to_owned()])
            .collect();
        let indented: Vec<String> =
            commands.iter().map(|command| format!("    {command}")).collect();
        let (source, text) = parts.source;
        let words = [
            ("@NAME@", name.to_owned()),
            ("@COMPONENT@", component.to_string()),
            ("@FILE@", source.clone()),
            ("@LIBRARY@", parts.target.trim_start_matches("./").to_owned()),
            ("@BUILD@", parts.by_hand.clone()),
            ("@ORIGIN@", parts.origin),
            ("@COMMANDS@", indented.join("\n")),
            ("@TABLE@", parts.rows.join("\n")),
            ("@PAGE@", parts.page.to_owned()),
            ("@VERSION@", env!("CARGO_PKG_VERSION").to_owned()),
        ];
        let filled = |text: &str| {
            words.iter().fold(text.to_owned(), |text, (word, value)| text.replace(word, value))
        };
        let recipe = match component {
            Component::Source => template!("common/source.toml"),
            Component::Generator => template!("common/generator.toml"),
            Component::Suite => template!("common/suite.toml"),
        };
        let mut files = vec![
            (source.clone(), filled(text)),
            ("README.md".to_owned(), filled(template!("common/README.md"))),
            ("recipe.toml".to_owned(), filled(recipe)),
            ("data/pairs.jsonl".to_owned(), PAIRS.to_owned()),
            (".gitignore".to_owned(), format!("{}/runs\n", parts.ignored)),
        ];
        files.extend(parts.files.into_iter().map(|(path, text)| {
            // What is embedded as it is may hold anything that looks like a placeholder.
            let text = if is_copy(&path) { text } else { filled(&text) };
            (path, text)
        }));
        Ok(Self { files, source, commands })
    }
}

/// True for files that are embedded as they are.
fn is_copy(path: &str) -> bool {
    let below = |folder| path.starts_with(folder) && !path.ends_with("Cargo.toml");
    below("vendor/") || below("tribunal_adapter/") || path == "tribunal.h"
}

fn rust(name: &str, component: Component) -> Parts {
    let text = match component {
        Component::Source => template!("rust/source.rs"),
        Component::Generator => template!("rust/generator.rs"),
        Component::Suite => template!("rust/suite.rs"),
    };
    let mut files = vec![
        ("Cargo.toml".to_owned(), template!("rust/Cargo.toml").to_owned()),
        (
            "vendor/tribunal-api/Cargo.toml".to_owned(),
            template!("rust/tribunal-api.toml").to_owned(),
        ),
        ("vendor/tribunal-api/LICENSE-MIT".to_owned(), LICENCE.to_owned()),
    ];
    files.extend(copies(API, "vendor/tribunal-api/"));
    let library = format!("target/release/{DLL_PREFIX}{}{DLL_SUFFIX}", name.replace('-', "_"));
    Parts {
        source: ("src/lib.rs".to_owned(), text),
        files,
        rows: vec![
            "| `Cargo.toml` | the crate, a workspace of its own |".to_owned(),
            "| `vendor/tribunal-api` | the crate tribunal-api, as this version of Tribunal has it |".to_owned(),
        ],
        build: Some("cargo build --release".to_owned()),
        by_hand: "cargo build --release".to_owned(),
        origin: format!("library = \"{library}\""),
        target: library,
        ignored: "/target\n",
        page: "adapters-rust.md",
    }
}

fn c(name: &str, language: Language, component: Component) -> Result<Parts, Failure> {
    if component != Component::Source {
        return Err(Failure::usage(
            format!("there is no template of a {component} in C or C++"),
            "use `--lang rust` or `--lang python`, or write it by the rules of tribunal.h",
        ));
    }
    let (file, text, compile) = match language {
        Language::Cpp => {
            let compile = format!("c++ -std=c++17 -Wall -Wextra -O2 -fPIC -shared {name}.cpp");
            (format!("{name}.cpp"), template!("cpp/source.cpp"), compile)
        }
        _ => {
            let compile = format!("cc -std=c11 -Wall -Wextra -O2 -fPIC -shared {name}.c");
            (format!("{name}.c"), template!("c/source.c"), compile)
        }
    };
    let library = format!("{name}{DLL_SUFFIX}");
    let makefile = template!("c/Makefile").replace("@COMPILE@", &compile);
    Ok(Parts {
        source: (file, text),
        files: vec![
            ("tribunal.h".to_owned(), HEADER.to_owned()),
            ("Makefile".to_owned(), makefile),
        ],
        rows: vec![
            "| `tribunal.h` | the boundary, with its rules |".to_owned(),
            "| `Makefile` | one call of the compiler |".to_owned(),
        ],
        build: Some(format!("{compile} -o {library}")),
        by_hand: format!("{compile} -o {library}"),
        origin: format!("library = \"{library}\""),
        target: format!("./{library}"),
        ignored: "*.so\n*.dylib\n*.dll\n*.new\n",
        page: "adapters-c.md",
    })
}

fn python(name: &str, component: Component) -> Parts {
    let text = match component {
        Component::Source => template!("python/source.py"),
        Component::Generator => template!("python/generator.py"),
        Component::Suite => template!("python/suite.py"),
    };
    let file = format!("{}.py", name.replace('-', "_"));
    let mut files = copies(PYTHON, "tribunal_adapter/");
    files.push(("tribunal_adapter/LICENSE-MIT".to_owned(), LICENCE.to_owned()));
    Parts {
        files,
        rows: vec![
            "| `tribunal_adapter` | the package that talks to Tribunal; remove it if it is installed with pip |"
                .to_owned(),
        ],
        build: None,
        by_hand: format!("python3 -m tribunal_adapter {file}"),
        origin: format!("command = [\"python3\", \"-m\", \"tribunal_adapter\", \"{file}\"]"),
        target: file.clone(),
        source: (file, text),
        ignored: "__pycache__/\n",
        page: "adapters-python.md",
    }
}

fn copies(embedded: &[embedded::Embedded], below: &str) -> Vec<(String, String)> {
    embedded.iter().map(|(path, text)| (format!("{below}{path}"), (*text).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<(Language, Component, Project)> {
        use Component::{Generator, Source, Suite};
        use Language::{C, Cpp, Python, Rust};
        [
            (Rust, Source),
            (Rust, Generator),
            (Rust, Suite),
            (Python, Source),
            (Python, Generator),
            (Python, Suite),
            (C, Source),
            (Cpp, Source),
        ]
        .map(|(language, component)| {
            (language, component, Project::of("my-own", language, component).unwrap())
        })
        .into()
    }

    /// Lines that are neither blank nor a comment, docstrings counted as comments.
    fn own_lines(project: &Project) -> usize {
        let (_, text) = project.files.iter().find(|(path, _)| *path == project.source).unwrap();
        let mut inside = None;
        let counts = |line: &&str| {
            let line = line.trim();
            if let Some(end) = inside {
                if line.ends_with(end) {
                    inside = None;
                }
                return false;
            }
            for (start, end) in [("/*", "*/"), ("\"\"\"", "\"\"\"")] {
                if let Some(rest) = line.strip_prefix(start) {
                    if !rest.ends_with(end) {
                        inside = Some(end);
                    }
                    return false;
                }
            }
            !line.is_empty() && !line.starts_with("//") && !line.starts_with("# ")
        };
        text.lines().filter(counts).count()
    }

    #[test]
    fn a_source_takes_at_most_thirty_lines_of_rust_or_python_and_forty_of_c() {
        for (language, component, project) in all() {
            let most = match (language, component) {
                (Language::Rust | Language::Python, Component::Source) => 30,
                (Language::C, Component::Source) => 40,
                _ => 100,
            };
            let lines = own_lines(&project);
            assert!(lines > 2 && lines <= most, "{language:?} {component}: {lines} lines");
        }
    }

    #[test]
    fn no_placeholder_is_left_and_every_project_has_its_parts() {
        for (language, component, project) in all() {
            for (path, text) in &project.files {
                let left = text.split('@').skip(1).step_by(2).find(|word| {
                    !word.is_empty() && word.chars().all(|one| one.is_ascii_uppercase())
                });
                let whole = is_copy(path);
                assert!(whole || left.is_none(), "{language:?} {component}: {path}: {left:?}");
            }
            for wanted in ["README.md", "recipe.toml", "data/pairs.jsonl", ".gitignore"] {
                assert!(project.files.iter().any(|(path, _)| path == wanted), "{wanted}");
            }
            let last = project.commands.len() - 1;
            assert!(project.commands.len() <= 3, "{:?}", project.commands);
            assert!(project.commands[last - 1].starts_with("tribunal plugin check "));
            assert!(project.commands[last].starts_with("tribunal run recipe.toml"));
        }
    }

    #[test]
    fn the_recipes_are_read_without_fault() {
        for (_, component, project) in all() {
            let folder = tempfile::tempdir().unwrap();
            let (_, text) = project.files.iter().find(|(path, _)| path == "recipe.toml").unwrap();
            let path = folder.path().join("recipe.toml");
            std::fs::write(&path, text).unwrap();
            let recipe = tribunal_engine::recipe::Recipe::load(&path, &[]).unwrap();
            assert_eq!(recipe.plugins.len(), 1);
            assert!(text.contains(&format!("[{component}.my-own]")), "{text}");
        }
    }

    #[test]
    fn a_generator_in_c_is_refused_with_what_there_is() {
        let refused = Project::of("my-own", Language::C, Component::Generator).err().unwrap();
        assert!(refused.text.contains("--lang rust"), "{}", refused.text);
    }
}
