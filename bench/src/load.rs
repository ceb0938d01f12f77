//! Load for a server on the loopback, and what it costs the server by the scheduler's clock.

use std::{
    fs,
    io::{BufRead, BufReader, Write as _},
    net::{Ipv4Addr, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, ensure};

use crate::rounds::Stopwatch;

/// How many connections are kept alive.
pub const CONNECTIONS: usize = 16;

/// A server in a process of its own, which ends with this value.
pub struct Server {
    child: Child,
    connections: Vec<BufReader<TcpStream>>,
}

impl Server {
    /// Starts a program that says its port on standard output and ends with standard input, and connects to it.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(command: &mut Command) -> anyhow::Result<Self> {
        let shown = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| shown.clone())?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let port: u16 = line
            .trim()
            .parse()
            .with_context(|| format!("{shown} says no port: {line}"))?;
        let connections = (0..CONNECTIONS)
            .map(|_| connect(port))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self { child, connections })
    }

    /// Sends requests over all connections, the next on each as soon as it has answered, until `time` is over.
    ///
    /// # Errors
    /// An answer is not 200, or the scheduler tells nothing.
    pub fn load(&mut self, requests: &mut Requests<'_>, time: Duration) -> anyhow::Result<Cost> {
        let before = processor_time(self.child.id())?;
        let clock = Stopwatch::start();
        let mut sent: u32 = 0;
        for connection in &mut self.connections {
            requests.send_next(connection)?;
            sent += 1;
        }
        while clock.elapsed() < time {
            for connection in &mut self.connections {
                answer(connection)?;
                requests.send_next(connection)?;
                sent += 1;
            }
        }
        for connection in &mut self.connections {
            answer(connection)?;
        }
        let used = processor_time(self.child.id())?.saturating_sub(before);
        Ok(Cost {
            nanoseconds: used.as_secs_f64() * 1e9 / f64::from(sent),
            per_second: f64::from(sent) / clock.elapsed().as_secs_f64(),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Closing its standard input would do; this also ends one that hangs.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What all threads of a process have used so far, by the scheduler's clock. Exact while the process waits.
///
/// # Errors
/// There is no such process, or its kernel does not count.
pub fn processor_time(process: u32) -> anyhow::Result<Duration> {
    let mut sum = Duration::ZERO;
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        let path = task?.path().join("schedstat");
        let text = fs::read_to_string(path).context("the kernel keeps no schedstat")?;
        let used = text.split(' ').next().context("an empty schedstat")?;
        sum += Duration::from_nanos(used.parse()?);
    }
    Ok(sum)
}

/// What a request costs.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Processor time of the server.
    pub nanoseconds: f64,
    /// How many were answered; moves with everything else that the machine does.
    pub per_second: f64,
}

/// The bytes of requests that are sent in turn.
pub struct Requests<'r> {
    bytes: &'r [Vec<u8>],
    next: usize,
}

impl<'r> Requests<'r> {
    /// Sends these in turn, from the first.
    #[must_use]
    pub const fn new(bytes: &'r [Vec<u8>]) -> Self {
        Self { bytes, next: 0 }
    }

    fn send_next(&mut self, connection: &mut BufReader<TcpStream>) -> anyhow::Result<()> {
        let bytes = self.bytes.get(self.next).context("nothing to send")?;
        self.next = if self.next + 1 < self.bytes.len() {
            self.next + 1
        } else {
            0
        };
        Ok(connection.get_mut().write_all(bytes)?)
    }
}

/// A GET with this token, from a page or from a program.
#[must_use]
pub fn request(path: &str, token: &str, page: Option<&str>) -> Vec<u8> {
    let origin = page.map_or(String::new(), |page| format!("Origin: {page}\r\n"));
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n{origin}Authorization: Bearer {token}\r\n\r\n"
    )
    .into_bytes()
}

fn connect(port: u16) -> anyhow::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    Ok(BufReader::new(stream))
}

/// Reads one answer to its end.
fn answer(connection: &mut impl BufRead) -> anyhow::Result<()> {
    let mut line = String::new();
    connection.read_line(&mut line)?;
    ensure!(line.starts_with("HTTP/1.1 200"), "the server says {line}");
    let mut length = None;
    while line != "\r\n" {
        line.clear();
        ensure!(connection.read_line(&mut line)? > 0, "the server is gone");
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = Some(value.trim().parse::<usize>()?);
        }
    }
    let length = length.context("an answer without a length")?;
    let mut body = [0; 64];
    let body = body
        .get_mut(..length)
        .context("a longer answer than a hello")?;
    Ok(connection.read_exact(body)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_one_after_another() {
        let mut two: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        answer(&mut two).unwrap();
        answer(&mut two).unwrap();
        assert!(two.is_empty());
    }

    #[test]
    fn a_refusal_and_half_an_answer_are_no_load() {
        for other in [
            "",
            "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n",
        ] {
            assert!(answer(&mut other.as_bytes()).is_err(), "{other:?}");
        }
    }
}
