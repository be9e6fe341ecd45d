//! Running the built program in a scratch folder.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The repository's root folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of real data beside the project; says so and gives `None` when it is absent.
pub fn shared_data() -> Option<PathBuf> {
    let path = root().parent()?.join("shared/data");
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: there is no `../shared/data` beside the project");
    None
}

/// A program call in a scratch folder of its own, so that `runs` does not land in the repository.
pub struct Program {
    folder: tempfile::TempDir,
}

impl Program {
    /// A fresh scratch folder.
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// The scratch folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into the scratch folder and returns its path.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The command, to be started by the caller.
    pub fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tribunal"));
        // Logs of servers that fail stay in the temporary folder, and this one goes with the test.
        command.args(args).current_dir(self.folder()).env("TMPDIR", self.folder());
        for variable in ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX", "NO_COLOR"] {
            command.env_remove(variable);
        }
        command
    }

    /// Runs the program to its end.
    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Ran {
        Ran(self.command(args).output().unwrap())
    }
}

/// What a call left behind.
pub struct Ran(pub Output);

impl Ran {
    /// Exit code.
    pub fn code(&self) -> i32 {
        self.0.status.code().unwrap_or(-1)
    }

    /// Standard output.
    pub fn out(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    /// Standard error.
    pub fn err(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }

    /// The same, after checking the exit code.
    #[track_caller]
    pub fn with_code(self, code: i32) -> Self {
        assert_eq!(self.code(), code, "stdout:\n{}\nstderr:\n{}", self.out(), self.err());
        self
    }

    /// Standard output as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out()).unwrap()
    }
}
