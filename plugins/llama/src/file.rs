//! The files of a model, and their digest.

use std::path::{Path, PathBuf};

use tribunal_api::SourceError;

/// A GGUF file, with its further parts where it is split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ModelFile {
    parts: Vec<PathBuf>,
}

impl ModelFile {
    /// The model at this path. Of a split one (`NAME-00001-of-00003.gguf`) any part may be named, and all of them have to be there.
    pub(crate) fn find(path: &Path) -> Result<Self, SourceError> {
        let parts = parts_of(path).unwrap_or_else(|| vec![path.to_owned()]);
        match parts.iter().find(|part| !part.is_file()) {
            None => Ok(Self { parts }),
            Some(missing) if missing.is_dir() => Err(broken(format!(
                "`{0}` is a folder; `tribunal model import {0} -o FOLDER` makes a GGUF file of a Hugging Face model",
                missing.display()
            ))),
            Some(missing) => {
                Err(broken(format!("the model file `{}` does not exist", missing.display())))
            }
        }
    }

    /// What llama.cpp is given.
    pub(crate) fn first(&self) -> &Path {
        &self.parts[0]
    }

    /// Its name without ending and number of parts.
    pub(crate) fn name(&self) -> String {
        let stem = self.first().file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match stem.rfind("-00001-of-") {
            Some(end) => stem[..end].to_owned(),
            None => stem,
        }
    }

    /// An error that is this model's own, with its name.
    pub(crate) fn blamed(&self, error: SourceError) -> SourceError {
        match error {
            SourceError::Broken { message } => {
                broken(format!("`{}`: {message}", self.first().display()))
            }
            error => error,
        }
    }

    /// A digest of all parts, of these further files, and of a template's text.
    pub(crate) fn digest(&self, further: &[&Path], template: &str) -> Result<String, SourceError> {
        let mut hasher = blake3::Hasher::new();
        for path in self.parts.iter().map(PathBuf::as_path).chain(further.iter().copied()) {
            let mut one = blake3::Hasher::new();
            one.update_mmap_rayon(path).map_err(|cause| {
                broken(format!("the model file `{}` cannot be read: {cause}", path.display()))
            })?;
            hasher.update(one.finalize().as_bytes());
        }
        hasher.update(template.as_bytes());
        Ok(hasher.finalize().to_hex()[..32].to_owned())
    }
}

/// All parts, when the name is that of one.
fn parts_of(path: &Path) -> Option<Vec<PathBuf>> {
    let name = path.file_name()?.to_str()?.strip_suffix(".gguf")?;
    let (name, count) = name.rsplit_once("-of-")?;
    let (name, part) = name.rsplit_once('-')?;
    let number = |text: &str| (text.len() == 5).then(|| text.parse::<usize>().ok()).flatten();
    let (_, count) = (number(part)?, number(count)?);
    (count > 0).then(|| {
        (1..=count)
            .map(|part| path.with_file_name(format!("{name}-{part:05}-of-{count:05}.gguf")))
            .collect()
    })
}

fn broken(message: String) -> SourceError {
    SourceError::Broken { message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_model_is_one_model() {
        let folder = tempfile::tempdir().unwrap();
        let part = |place: usize| folder.path().join(format!("rm-{place:05}-of-00002.gguf"));
        std::fs::write(part(1), "GGUF one").unwrap();
        let missing = ModelFile::find(&part(1)).unwrap_err().to_string();
        assert!(missing.contains("rm-00002-of-00002.gguf"), "{missing}");
        std::fs::write(part(2), "GGUF two").unwrap();
        let model = ModelFile::find(&part(2)).unwrap();
        assert_eq!((model.first(), &*model.name()), (&*part(1), "rm"));
        let digest = model.digest(&[], "").unwrap();
        std::fs::write(part(2), "GGUF three").unwrap();
        assert_ne!(model.digest(&[], "").unwrap(), digest);
        assert_ne!(model.digest(&[], "{{ messages }}").unwrap(), model.digest(&[], "").unwrap());
        assert_ne!(model.digest(&[&part(1)], "").unwrap(), model.digest(&[], "").unwrap());
    }

    #[test]
    fn what_is_no_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = ModelFile::find(folder.path()).unwrap_err().to_string();
        assert!(error.contains("tribunal model import"), "{error}");
        let error = ModelFile::find(&folder.path().join("x.gguf")).unwrap_err().to_string();
        assert!(error.contains("does not exist"), "{error}");
    }
}
