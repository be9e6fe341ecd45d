//! Asking a server on this machine whether it is ready: one small GET over a plain connection.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest status line that is read, in bytes.
const LONGEST: usize = 512;

/// What a server says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// A status from 200 to 299.
    Ready,
    /// Anything else, in words.
    NotYet(String),
}

pub(super) fn ask(port: u16, path: &str) -> Said {
    match status(port, path) {
        Ok(Some(200..=299)) => Said::Ready,
        Ok(Some(503)) => Said::NotYet(format!("`{path}` says 503, still loading")),
        Ok(Some(status)) => Said::NotYet(format!("`{path}` says {status}")),
        Ok(None) => Said::NotYet(format!("what answers on port {port} is no HTTP server")),
        Err(cause) if cause.kind() == io::ErrorKind::ConnectionRefused => {
            Said::NotYet(format!("nothing listens on port {port}"))
        }
        Err(cause) => Said::NotYet(format!("`{path}` does not answer: {cause}")),
    }
}

/// The status of the reply; `None` when it does not begin like one.
fn status(port: u16, path: &str) -> io::Result<Option<u16>> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut head = Vec::with_capacity(LONGEST);
    let mut piece = [0; LONGEST];
    while !head.contains(&b'\n') && head.len() < LONGEST {
        match stream.read(&mut piece)? {
            0 => break,
            count => head.extend_from_slice(&piece[..count]),
        }
    }
    Ok(status_of(&head))
}

fn status_of(head: &[u8]) -> Option<u16> {
    let line = String::from_utf8_lossy(head.split(|byte| *byte == b'\n').next()?).into_owned();
    let mut words = line.split_ascii_whitespace();
    words.next().filter(|word| word.starts_with("HTTP/"))?;
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tribunal_scripted::{Reply, Server};

    #[test]
    fn a_status_line_is_read_and_anything_else_is_none() {
        assert_eq!(status_of(b"HTTP/1.1 503 Service Unavailable\r\n"), Some(503));
        assert_eq!(status_of(b"HTTP/1.0 200\n"), Some(200));
        for other in [&b""[..], b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1\r\n", b"HTTP/1.1 ok\r\n"] {
            assert_eq!(status_of(other), None);
        }
    }

    #[test]
    fn a_server_that_loads_is_not_ready_yet() {
        let server = Server::replies([Reply::text(503, "Loading model"), Reply::text(200, "ok")]);
        let loading = Said::NotYet("`/health` says 503, still loading".to_owned());
        assert_eq!(ask(server.port(), "/health"), loading);
        assert_eq!(ask(server.port(), "/health"), Said::Ready);
        assert_eq!(server.requests()[0].path, "/health");
    }

    #[test]
    fn nobody_is_not_ready() {
        let server = Server::replies([Reply::text(200, "ok")]);
        let port = server.port();
        drop(server);
        let nobody = Said::NotYet(format!("nothing listens on port {port}"));
        assert_eq!(ask(port, "/health"), nobody);
    }
}
