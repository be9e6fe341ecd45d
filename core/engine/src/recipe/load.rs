//! Reading a recipe file, what it extends, and the `--set` options, into one tree.

use super::document::{self, Content, Node};
use super::typed::{Further, Merged, Whole};
use super::{Recipe, merge, set, typed};
use crate::fault::{Fault, Faults, KeyPath, Mark, Part, Placed, SourceFile, nearest};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// See [`Recipe::load_with`].
pub(super) fn load(path: &Path, sets: &[String], further: &Further<'_>) -> Result<Recipe, Faults> {
    match read_text(path) {
        Ok(text) => parse(&text, path, sets, further),
        Err(message) => Err(Faults::unplaced([Fault::whole(message)])),
    }
}

/// See [`Recipe::parse`].
pub(super) fn parse(
    text: &str,
    path_shown: &Path,
    sets: &[String],
    further: &Further<'_>,
) -> Result<Recipe, Faults> {
    let mut loader = Loader::default();
    let file = loader.file(path_shown, text.to_owned());
    let base = file.folder.clone();
    let identity = identity(path_shown);
    let root = loader.read(&file, identity);
    let Loader { mut faults, sound, whole, .. } = loader;
    let (root, set_faults) = set::apply(root, sets);
    faults.extend(set_faults);
    if !sound {
        return Err(Faults::placed(faults));
    }
    let mut places = BTreeMap::new();
    let value = root.flatten(&KeyPath::root(), &mut places);
    let default_name = default_name(path_shown);
    typed::read(Merged { value, places, base, default_name, whole }, faults, further)
}

/// The files read so far, and those being read.
struct Loader {
    /// Files already read, with all they extend; a file reached twice is read once.
    done: HashMap<PathBuf, Node>,
    /// The chain of files being read, as compared and as shown.
    open: Vec<(PathBuf, String)>,
    files: usize,
    faults: Vec<Placed>,
    /// Whether every file could be parsed.
    sound: bool,
    whole: Whole,
}

impl Default for Loader {
    fn default() -> Self {
        Self {
            done: HashMap::new(),
            open: Vec::new(),
            files: 0,
            faults: Vec::new(),
            sound: true,
            whole: Whole::Yes,
        }
    }
}

impl Loader {
    fn file(&mut self, path_shown: &Path, text: String) -> Arc<SourceFile> {
        let order = self.files;
        self.files += 1;
        let folder = absolute(path_shown).parent().map(Path::to_path_buf).unwrap_or_default();
        Arc::new(SourceFile {
            order,
            shown: path_shown.display().to_string(),
            text: Some(text),
            folder,
        })
    }

    /// The tree of a file on top of what it extends.
    fn read(&mut self, file: &Arc<SourceFile>, identity: PathBuf) -> Node {
        self.open.push((identity, file.shown.clone()));
        let document = document::read(file);
        self.faults.extend(document.faults);
        self.sound &= document.sound;
        let mut own = document.root;
        let extends = own.take("extends");
        let unset = own.take("unset");
        let mut tree = Node { content: Content::Table(Vec::new()), place: own.place.clone() };
        for entry in self.texts(extends, "extends", "extends = [\"base.toml\"]") {
            if let Some(base) = self.base(file, &entry) {
                tree = merge::merge(tree, base);
            }
        }
        for entry in self.texts(unset, "unset", "unset = [\"source.judge\"]") {
            self.unset(&mut tree, &entry);
        }
        self.open.pop();
        merge::merge(tree, own)
    }

    /// The texts of a list, with the place of each.
    fn texts(&mut self, node: Option<Node>, key: &'static str, example: &str) -> Vec<Entry> {
        let Some(node) = node else { return Vec::new() };
        let path = KeyPath::of([key]);
        let fault = |node: &Node, path: KeyPath| {
            let fault = Fault::new(path, format!("`{key}` takes a list of strings"))
                .hint(format!("write `{example}`"));
            Placed { fault, mark: Some(node.place.at(Part::Value)), also: Vec::new() }
        };
        let Content::List(list) = &node.content else {
            self.faults.push(fault(&node, path));
            return Vec::new();
        };
        let mut entries = Vec::new();
        for (at, node) in list.iter().enumerate() {
            match &node.content {
                Content::Scalar(Value::String(text)) => {
                    let mark = node.place.at(Part::Value);
                    entries.push(Entry { text: text.clone(), path: path.index(at), mark });
                }
                _ => self.faults.push(fault(node, path.index(at))),
            }
        }
        entries
    }

    /// The tree of an extended file; `None` after a fault.
    fn base(&mut self, file: &SourceFile, entry: &Entry) -> Option<Node> {
        let shown = Path::new(&file.shown).parent().unwrap_or(Path::new("")).join(&entry.text);
        let identity = identity(&shown);
        if let Some(at) = self.open.iter().position(|(open, _)| *open == identity) {
            let chain = self.open[at..].iter().map(|(_, shown)| shown.as_str());
            let first = self.open[at].1.as_str();
            let chain: Vec<_> = chain.chain([first]).map(|shown| format!("`{shown}`")).collect();
            let fault = entry.fault(format!("a recipe extends itself: {}", chain.join(" -> ")));
            self.fail(entry, fault.hint("take one of them out of the chain"));
            return None;
        }
        if let Some(done) = self.done.get(&identity) {
            return Some(done.clone());
        }
        match read_text(&shown) {
            Ok(text) => {
                let file = self.file(&shown, text);
                let tree = self.read(&file, identity.clone());
                self.done.insert(identity, tree.clone());
                Some(tree)
            }
            Err(message) => {
                let fault = entry.fault(message);
                self.fail(entry, fault.hint("give the path from the folder of this file"));
                None
            }
        }
    }

    fn unset(&mut self, tree: &mut Node, entry: &Entry) {
        let path = match entry.text.parse::<KeyPath>() {
            Ok(path) => path,
            Err(error) => return self.fail(entry, entry.fault(error.to_string())),
        };
        if merge::remove(tree, &path) {
            return;
        }
        if self.whole == Whole::No {
            return;
        }
        let mut parent = &*tree;
        let mut above = KeyPath::root();
        for segment in path.segments() {
            let Some(child) = parent.child(segment) else { break };
            parent = child;
            above = above.child(segment.clone());
        }
        let known: Vec<String> =
            parent.entries().iter().map(|(key, _)| above.key(&**key).to_string()).collect();
        let fault = entry
            .fault(format!("`{path}` is in none of the extended recipes"))
            .known_as("keys", "", &known)
            .suggestion(nearest(&path.to_string(), &known).map(str::to_owned));
        self.fail(entry, fault);
    }

    fn fail(&mut self, entry: &Entry, fault: Fault) {
        if entry.path.starts_with(&KeyPath::of(["extends"])) {
            self.whole = Whole::No;
        }
        self.faults.push(Placed { fault, mark: Some(entry.mark.clone()), also: Vec::new() });
    }
}

/// One text of `extends` or `unset`.
struct Entry {
    text: String,
    path: KeyPath,
    mark: Mark,
}

impl Entry {
    fn fault(&self, message: String) -> Fault {
        Fault::new(self.path.clone(), message)
    }
}

fn read_text(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let bytes = std::fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("there is no file `{shown}`"),
        io::ErrorKind::IsADirectory => format!("`{shown}` is a folder, not a recipe"),
        _ => format!("cannot read `{shown}`: {error}"),
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count() + 1;
        format!("`{shown}` is not UTF-8 text: line {line}, byte {valid} of the file")
    })
}

/// The path by which two names of one file are recognised as the same.
fn identity(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| absolute(path))
}

pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

fn default_name(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name: String = stem.chars().map(|c| if typed::is_name_char(c) { c } else { '-' }).collect();
    let name = name.trim_matches(['-', '.']);
    if name.is_empty() { "recipe".to_owned() } else { name.to_owned() }
}
