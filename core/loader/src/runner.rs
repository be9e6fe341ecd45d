//! The other end of the child protocol: kinds of a registry, served to a host. An isolated library runs like this in a child of
//! the host's own program.

mod score;
mod session;
mod work;

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tribunal_api::Registry;

use self::session::Session;
use crate::spec::{Origin, Spec};

/// The exit code of a plugin that cannot be loaded, as the program itself has it.
const NOT_LOADED: i32 = 5;
/// The exit code when the host says what is no request.
const CONFUSED: i32 = 70;
/// Longest wait for components that are being destroyed when the session ends: less than the host waits for our end.
const CLOSING: Duration = Duration::from_millis(1500);
/// In a child it is the host that gives up and ends all of it, so the library is never given up here.
const NEVER: Duration = Duration::from_secs(24 * 3600);

/// What the greeting says of a plugin.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it was built with.
    pub sdk: String,
}

/// Loads the library and serves it over standard input and output; gives the exit code. For the program that
/// [`Spec::host`] names, which calls it with the path that it is given and ends with the code.
///
/// Whatever the library prints goes to standard error, and it reads an empty standard input. A library that cannot be
/// loaded is told of on standard error, and no greeting is sent.
pub fn run(library: &Path) -> i32 {
    let (input, output) = match own_pipes() {
        Ok(pipes) => pipes,
        Err(cause) => {
            return fail(NOT_LOADED, &format!("error: no standard input and output: {cause}"));
        }
    };
    let mut spec = Spec::new(Origin::Library(library.to_owned()));
    // The host keeps all deadlines, by the recipe.
    (spec.start_within, spec.load_within, spec.cancel_within) = (NEVER, NEVER, NEVER);
    spec.log = Arc::new(|level, _, line| {
        // Nobody reads it any longer when standard error is closed.
        let _ = writeln!(io::stderr(), "{}: {line}", format!("{level:?}").to_lowercase());
    });
    let mut registry = Registry::new();
    let plugin = match crate::load(&spec, &mut registry) {
        Ok(plugin) => plugin,
        Err(error) => {
            let hint = error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
            return fail(NOT_LOADED, &format!("error: {error}{hint}"));
        }
    };
    let about = About { name: plugin.name, version: plugin.version, sdk: plugin.sdk };
    match serve(registry, about, input, output, crate::library::given_up) {
        Ok(()) => 0,
        Err(cause) => fail(CONFUSED, &format!("error: {cause}")),
    }
}

/// Serves kinds until the host says `shutdown` or closes the input.
///
/// `given_up` counts calls that go on although their futures were dropped; a cancelled request is answered when there are none,
/// so that the host can tell a call that ended from one that hangs.
///
/// # Errors
///
/// When the input is no request, or input or output fails.
pub fn serve(
    registry: Registry,
    about: About,
    input: impl Read,
    output: impl Write + Send + 'static,
    given_up: fn() -> usize,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build()?;
    let session = Session::new(registry, Box::new(output), given_up, runtime.handle().clone());
    let result = session.read(&about, BufReader::with_capacity(64 << 10, input));
    // The host says `destroy` and `shutdown` in one breath: what is heavy is given back first.
    runtime.block_on(session.destroyed(CLOSING));
    // A call that hangs must not keep the process from ending.
    runtime.shutdown_background();
    result
}

/// The pipes to the host, out of the library's reach.
fn own_pipes() -> io::Result<(File, File)> {
    use rustix::{io::fcntl_dupfd_cloexec, stdio};

    let input = fcntl_dupfd_cloexec(stdio::stdin(), 3)?;
    let output = fcntl_dupfd_cloexec(stdio::stdout(), 3)?;
    stdio::dup2_stdin(File::open("/dev/null")?)?;
    stdio::dup2_stdout(stdio::stderr())?;
    Ok((File::from(input), File::from(output)))
}

fn fail(code: i32, message: &str) -> i32 {
    // The code says it too where nobody reads.
    let _ = writeln!(io::stderr(), "{message}");
    code
}
