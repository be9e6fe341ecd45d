//! Reading a file at a position, without moving a cursor that others share.

use std::fs::File;
use std::io;

/// Fills `buffer` from the file at `start`, counted in bytes from its beginning.
pub(crate) fn read_exact_at(file: &File, buffer: &mut [u8], start: u64) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::read_exact_at(file, buffer, start);
    #[cfg(windows)]
    {
        let mut done = 0;
        while done < buffer.len() {
            let at = start + done as u64;
            match std::os::windows::fs::FileExt::seek_read(file, &mut buffer[done..], at)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                more => done += more,
            }
        }
        Ok(())
    }
}
