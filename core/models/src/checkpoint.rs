//! The weights of a model folder: safetensors files, read by position.
//!
//! Files are not mapped into memory. Someone who cuts a mapped file short ends the process that maps it; reading by position gives
//! an error instead. Nothing but headers is kept, and tensors are read in pieces.

mod error;
mod header;
mod position;
mod values;
mod write;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use error::CheckpointError;
pub use header::{Dtype, MOST_HEADER_BYTES};
pub(crate) use write::{SidecarTensor, ready_safetensors, write_safetensors};

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
/// An index names each tensor once; the largest known ones have some megabytes.
const MOST_INDEX_BYTES: u64 = 100_000_000;

/// The tensors of a model folder or of one file, known by their headers.
#[derive(Debug)]
pub struct Checkpoint {
    origin: PathBuf,
    files: Vec<Shard>,
    tensors: BTreeMap<String, StoredTensor>,
    metadata: BTreeMap<String, String>,
}

/// One tensor: where its values lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTensor {
    /// Its type of number.
    pub dtype: Dtype,
    /// Its shape, the slowest dimension first, as `[rows, columns]`.
    pub shape: Vec<u64>,
    /// Which of [`Checkpoint::files`] holds it.
    file: usize,
    /// First byte in that file.
    start: u64,
    /// Number of bytes.
    bytes: u64,
}

impl StoredTensor {
    /// How many numbers it holds.
    pub fn count(&self) -> u64 {
        self.bytes / self.dtype.bytes()
    }

    /// How many bytes it takes in its file.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[derive(Debug)]
struct Shard {
    path: PathBuf,
    file: File,
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Checkpoint {
    /// Opens `model.safetensors` of a folder, or the shards that `model.safetensors.index.json` names.
    ///
    /// Where both lie in the folder the single file counts, as in transformers. Fails when there is neither, when a shard is missing
    /// or cut short, and when headers contradict themselves.
    pub fn open(folder: &Path) -> Result<Self, CheckpointError> {
        let single = folder.join(SINGLE);
        if single.exists() {
            return Self::open_file(&single);
        }
        let index = folder.join(INDEX);
        if !index.exists() {
            return Err(CheckpointError::NoWeights {
                folder: folder.to_owned(),
                pickled: has_pickles(folder),
            });
        }
        let mut checkpoint = Self::empty(index.clone());
        let map = read_index(&index)?;
        let mut shards: Vec<&String> = map.values().collect();
        shards.sort();
        shards.dedup();
        for shard in shards {
            let plain = Path::new(shard).components().count() == 1 && !shard.contains(['/', '\\']);
            if !plain || shard == ".." || shard == "." {
                return Err(CheckpointError::ShardName { index, shard: shard.clone() });
            }
            let path = folder.join(shard);
            if !path.exists() {
                let tensors = map.values().filter(|each| *each == shard).count();
                return Err(CheckpointError::NoShard { index, shard: path, tensors });
            }
            checkpoint.add(&path)?;
        }
        for (tensor, shard) in &map {
            let found = checkpoint.tensors.get(tensor);
            if found.is_none_or(|found| !checkpoint.files[found.file].path.ends_with(shard)) {
                let path = folder.join(shard);
                return Err(CheckpointError::NotInShard { path, tensor: tensor.clone() });
            }
        }
        Ok(checkpoint)
    }

    /// Opens one safetensors file.
    pub fn open_file(path: &Path) -> Result<Self, CheckpointError> {
        let mut checkpoint = Self::empty(path.to_owned());
        checkpoint.add(path)?;
        Ok(checkpoint)
    }

    /// The folder's index, or the file: what messages about the whole name.
    pub fn origin(&self) -> &Path {
        &self.origin
    }

    /// The files that hold tensors, in the order they were opened.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|shard| shard.path.as_path())
    }

    /// All tensors by name.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &StoredTensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// The tensor of this name.
    pub fn tensor(&self, name: &str) -> Option<&StoredTensor> {
        self.tensors.get(name)
    }

    /// What a header says beside its tensors. Of several files the last one that has a key counts.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }

    fn empty(origin: PathBuf) -> Self {
        let (files, tensors, metadata) = Default::default();
        Self { origin, files, tensors, metadata }
    }

    fn add(&mut self, path: &Path) -> Result<(), CheckpointError> {
        let read = |cause| CheckpointError::Read { path: path.to_owned(), cause };
        let file = File::open(path).map_err(read)?;
        let header = header::read(path, &file)?;
        for (name, entry) in header.entries {
            let tensor = StoredTensor {
                dtype: entry.dtype,
                shape: entry.shape,
                file: self.files.len(),
                start: header.data_start + entry.begin,
                bytes: entry.end - entry.begin,
            };
            if self.tensors.contains_key(&name) {
                return Err(CheckpointError::Twice { path: path.to_owned(), tensor: name });
            }
            self.tensors.insert(name, tensor);
        }
        self.metadata.extend(header.metadata);
        self.files.push(Shard { path: path.to_owned(), file });
        Ok(())
    }
}

fn read_index(path: &Path) -> Result<BTreeMap<String, String>, CheckpointError> {
    let read = |cause| CheckpointError::Read { path: path.to_owned(), cause };
    let bytes = std::fs::metadata(path).map_err(read)?.len();
    if bytes > MOST_INDEX_BYTES {
        return Err(CheckpointError::HeaderSize {
            path: path.to_owned(),
            bytes,
            most: MOST_INDEX_BYTES,
        });
    }
    let text = std::fs::read(path).map_err(read)?;
    let index: Index = serde_json::from_slice(&text)
        .map_err(|cause| CheckpointError::Json { path: path.to_owned(), cause })?;
    Ok(index.weight_map)
}

/// Whether weights lie in the folder in the format of Python objects, which this crate does not read.
fn has_pickles(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.starts_with("pytorch_model") && name.ends_with(".bin") || name.ends_with(".pth")
    })
}
