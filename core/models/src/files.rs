//! Files that appear whole or not at all, and digests of files.

use std::convert::Infallible;
use std::fs::{File, Permissions};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A file under a passing name in the folder of its target; [`Self::finish`] puts it in place.
pub(crate) struct Replacing {
    target: PathBuf,
    out: BufWriter<NamedTempFile>,
    digest: blake3::Hasher,
}

/// A file that is written to the disk and only waits for its name.
pub(crate) struct Ready {
    target: PathBuf,
    file: NamedTempFile,
    /// Digest of its bytes, in hexadecimal.
    pub(crate) digest: String,
}

impl Replacing {
    pub(crate) fn create(target: &Path) -> io::Result<Self> {
        let folder = match target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut builder = tempfile::Builder::new();
        builder.prefix(".tribunal-").suffix(".part");
        if let Some(permissions) = usual() {
            builder.permissions(permissions);
        }
        let file = builder.tempfile_in(folder)?;
        let out = BufWriter::with_capacity(1 << 20, file);
        Ok(Self { target: target.to_owned(), out, digest: blake3::Hasher::new() })
    }

    /// Writes the rest to the disk; the target is not touched yet.
    pub(crate) fn ready(self) -> io::Result<Ready> {
        let file = self.out.into_inner().map_err(|error| error.into_error())?;
        file.as_file().sync_all()?;
        Ok(Ready { target: self.target, file, digest: self.digest.finalize().to_hex().to_string() })
    }

    /// Puts the file in place of its target and returns its digest.
    pub(crate) fn finish(self) -> io::Result<String> {
        self.ready()?.place()
    }
}

impl Ready {
    /// Puts the file in place of its target and returns its digest.
    pub(crate) fn place(self) -> io::Result<String> {
        self.file.persist(&self.target).map_err(|error| error.error)?;
        Ok(self.digest)
    }
}

impl Write for Replacing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write_all(bytes)?;
        self.digest.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// What an ordinary new file may do; the user's mask is applied to it.
fn usual() -> Option<Permissions> {
    #[cfg(unix)]
    return Some(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    #[cfg(not(unix))]
    None
}

/// BLAKE3 of a file in hexadecimal. `seen` is told the bytes of each piece.
pub(crate) fn digest_of(path: &Path, seen: &mut dyn FnMut(u64)) -> io::Result<String> {
    let mut told = |bytes| {
        seen(bytes);
        Ok::<(), Infallible>(())
    };
    digest_of_or(path, &mut told).map(|Ok(digest)| digest)
}

/// The same, unless `seen` fails.
pub(crate) fn digest_of_or<E>(
    path: &Path,
    seen: &mut dyn FnMut(u64) -> Result<(), E>,
) -> io::Result<Result<String, E>> {
    let mut file = File::open(path)?;
    let mut digest = blake3::Hasher::new();
    let mut piece = vec![0; 1 << 20];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(Ok(digest.finalize().to_hex().to_string())),
            some => {
                digest.update(&piece[..some]);
                if let Err(error) = seen(some as u64) {
                    return Ok(Err(error));
                }
            }
        }
    }
}
