//! The two streams: data on stdout, everything a person should know on stderr.

use std::io::{self, Write as _};

/// Writes one piece of data and a line end to stdout, at once.
///
/// # Errors
/// When stdout cannot be written, for instance because the reader is gone.
pub(crate) fn print(data: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(data.as_bytes())?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}

/// Tells a person something on stderr. If even that fails there is nobody left to tell.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
