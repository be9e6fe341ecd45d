//! The tokenizer settings of a model folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::bos::{class_adds, file_adds};
use crate::{ChatTemplate, TemplateError};

const CONFIG: &str = "tokenizer_config.json";
const SPECIAL_TOKENS: &str = "special_tokens_map.json";
const TOKENIZER: &str = "tokenizer.json";
const TEMPLATE: &str = "chat_template.jinja";
const MORE_TEMPLATES: &str = "additional_chat_templates";
/// Name of the template that is taken when none is asked for.
const DEFAULT: &str = "default";

/// What `tokenizer_config.json` and its neighbours say.
///
/// Tokens that only a tokenizer's program code knows are not guessed.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenizerConfig {
    /// Begin token.
    pub bos_token: Option<String>,
    /// End token.
    pub eos_token: Option<String>,
    /// Token that fills short rows.
    pub pad_token: Option<String>,
    /// Token for what the vocabulary lacks.
    pub unk_token: Option<String>,
    /// Further tokens by key, such as `sep_token`.
    pub other_tokens: BTreeMap<String, String>,
    /// Whether the begin token is put before each text; `None` when the file does not say.
    pub add_bos_token: Option<bool>,
    /// Longest input in tokens; `None` when there is no limit or the file does not say.
    pub model_max_length: Option<u64>,
    /// The tokenizer's class, such as `Qwen2Tokenizer`.
    pub tokenizer_class: Option<String>,
    /// The chat templates; a single one is named `default`.
    pub templates: Vec<NamedTemplate>,
    path: PathBuf,
    adds_bos: Option<bool>,
}

/// A chat template's text under its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedTemplate {
    /// Its name: `default`, `tool_use`, `rag`.
    pub name: String,
    /// The file it is from.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

impl TokenizerConfig {
    /// Reads the settings of a model folder, or of a `tokenizer_config.json` and the files beside it.
    ///
    /// A `chat_template.jinja` beside it goes before the template inside it, as in the library that writes
    /// both. `special_tokens_map.json` counts only for settings so old that they do not list their tokens.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, TemplateError> {
        let path = path.as_ref();
        let path = if path.is_dir() { path.join(CONFIG) } else { path.to_owned() };
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let config = read_object(&path)?;
        let mut tokens = tokens_of(&path, &config)?;
        let map = folder.join(SPECIAL_TOKENS);
        if !config.contains_key("added_tokens_decoder") && map.exists() {
            tokens.extend(tokens_of(&map, &read_object(&map)?)?);
        }
        let boolean = |key: &str| match config.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(value) => Err(shape(&path, key, "true or false", value)),
        };
        let add_bos_token = boolean("add_bos_token")?;
        let class = config.get("tokenizer_class").and_then(Value::as_str).map(str::to_owned);
        let bos_token = tokens.remove("bos_token");
        let adds_bos = match (&bos_token, add_bos_token) {
            (None, _) if config.contains_key("bos_token") => Some(false),
            (_, Some(adds)) => Some(adds),
            (None, None) => None,
            (Some(token), None) => {
                let by_file = file_adds(&folder.join(TOKENIZER), token)?;
                by_file.or_else(|| by_class(class.as_deref()))
            }
        };
        Ok(Self {
            bos_token,
            eos_token: tokens.remove("eos_token"),
            pad_token: tokens.remove("pad_token"),
            unk_token: tokens.remove("unk_token"),
            other_tokens: tokens,
            add_bos_token,
            // An absent limit is written as 10 to the power of 30, which is no `u64`.
            model_max_length: config.get("model_max_length").and_then(Value::as_u64),
            tokenizer_class: class,
            templates: once(templates_of(&path, &folder, &config)?),
            path,
            adds_bos,
        })
    }

    /// The chat template of this name, with the special tokens. Without a name: `default`, or the only one.
    pub fn chat_template(&self, name: Option<&str>) -> Result<ChatTemplate, TemplateError> {
        let found = match (name, &self.templates[..]) {
            (_, []) => return Err(TemplateError::Missing { path: self.path.clone() }),
            (None, [only]) => Some(only),
            _ => self.templates.iter().find(|each| each.name == name.unwrap_or(DEFAULT)),
        };
        let Some(found) = found else {
            return Err(TemplateError::Unnamed {
                path: self.path.clone(),
                name: name.unwrap_or(DEFAULT).to_owned(),
                names: self.templates.iter().map(|each| each.name.clone()).collect(),
            });
        };
        let template = ChatTemplate::new(found.path.display().to_string(), &found.text)?;
        Ok(template.with_tokens(self))
    }

    /// Whether the tokenizer puts its begin token before a text when special tokens are added.
    ///
    /// `add_bos_token` decides; without it the steps in `tokenizer.json` do; without that file the class. `None` when
    /// none of them says it: a tokenizer of the general class does what its `tokenizer.json` says.
    pub fn adds_bos(&self) -> Option<bool> {
        self.adds_bos
    }

    /// Whether this rendered text begins with the begin token and the tokenizer is known to add another one.
    ///
    /// Such a text must be tokenized without adding special tokens.
    pub fn doubles_bos(&self, rendered: &str) -> bool {
        let bos = self.bos_token.as_deref().filter(|bos| !bos.is_empty());
        self.adds_bos == Some(true) && bos.is_some_and(|bos| rendered.starts_with(bos))
    }

    /// Special tokens that the settings name, by the key that templates know them under.
    pub fn tokens(&self) -> impl Iterator<Item = (&str, &str)> {
        let named = [
            ("bos_token", &self.bos_token),
            ("eos_token", &self.eos_token),
            ("pad_token", &self.pad_token),
            ("unk_token", &self.unk_token),
        ];
        let named = named.into_iter().filter_map(|(key, text)| Some((key, text.as_deref()?)));
        named.chain(self.other_tokens.iter().map(|(key, text)| (key.as_str(), text.as_str())))
    }
}

/// What the class of a tokenizer says; nothing when it is the general one or none is named.
fn by_class(class: Option<&str>) -> Option<bool> {
    let class = class.filter(|class| !class.starts_with("PreTrainedTokenizer"))?;
    Some(class_adds(class))
}

fn read_text(path: &Path) -> Result<String, TemplateError> {
    std::fs::read_to_string(path)
        .map_err(|cause| TemplateError::Read { path: path.to_owned(), cause })
}

fn read_object(path: &Path) -> Result<Map<String, Value>, TemplateError> {
    serde_json::from_str(&read_text(path)?)
        .map_err(|cause| TemplateError::Json { path: path.to_owned(), cause })
}

/// All keys that end in `_token` and hold a text or an object with `content`.
fn tokens_of(
    path: &Path,
    config: &Map<String, Value>,
) -> Result<BTreeMap<String, String>, TemplateError> {
    let mut tokens = BTreeMap::new();
    for (key, value) in config.iter().filter(|(key, _)| key.ends_with("_token")) {
        let text = match value {
            Value::Null | Value::Bool(_) => continue,
            Value::Object(token) => token.get("content").and_then(Value::as_str),
            _ => value.as_str(),
        };
        let wanted = "a text or an object with `content`";
        let text = text.ok_or_else(|| shape(path, key, wanted, value))?;
        tokens.insert(key.clone(), text.to_owned());
    }
    Ok(tokens)
}

fn templates_of(
    path: &Path,
    folder: &Path,
    config: &Map<String, Value>,
) -> Result<Vec<NamedTemplate>, TemplateError> {
    let beside = folder.join(TEMPLATE);
    let more = more_templates(&folder.join(MORE_TEMPLATES))?;
    if beside.exists() {
        let text = read_text(&beside)?;
        let mut templates = vec![NamedTemplate { name: DEFAULT.to_owned(), path: beside, text }];
        templates.extend(more);
        return Ok(templates);
    }
    if !more.is_empty() {
        return Ok(more);
    }
    const WANTED: &str = "a text or a list of objects with `name` and `template`";
    let inside = |name: &str, text: &str| NamedTemplate {
        name: name.to_owned(),
        path: path.to_owned(),
        text: text.to_owned(),
    };
    match config.get("chat_template") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![inside(DEFAULT, text)]),
        Some(value @ Value::Array(list)) => list
            .iter()
            .map(|each| match (each["name"].as_str(), each["template"].as_str()) {
                (Some(name), Some(text)) => Ok(inside(name, text)),
                _ => Err(shape(path, "chat_template", WANTED, value)),
            })
            .collect(),
        Some(value) => Err(shape(path, "chat_template", WANTED, value)),
    }
}

/// Each name once; the last of that name counts, as in the library that writes them.
fn once(all: Vec<NamedTemplate>) -> Vec<NamedTemplate> {
    let mut templates: Vec<NamedTemplate> = Vec::with_capacity(all.len());
    for template in all {
        match templates.iter_mut().find(|each| each.name == template.name) {
            Some(earlier) => *earlier = template,
            None => templates.push(template),
        }
    }
    templates
}

/// The files `NAME.jinja` of the folder for named templates, by name.
fn more_templates(folder: &Path) -> Result<Vec<NamedTemplate>, TemplateError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let unreadable = |cause| TemplateError::Read { path: folder.to_owned(), cause };
    let mut templates = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|ending| ending == "jinja") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            templates.push(NamedTemplate { name, text: read_text(&path)?, path });
        }
    }
    templates.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(templates)
}

fn shape(path: &Path, key: &str, wanted: &'static str, value: &Value) -> TemplateError {
    let found = match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => format!("`{value}`"),
        Value::String(_) => "a text".to_owned(),
        Value::Array(_) => "another list".to_owned(),
        Value::Object(_) => "another object".to_owned(),
    };
    TemplateError::Shape { path: path.to_owned(), key: key.to_owned(), wanted, found }
}
