//! Child processes: their lines as they come, and an end in any case.

use std::{
    collections::BTreeMap,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, bail};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    task::JoinHandle,
    time::timeout,
};

use crate::DEADLINE;

/// A running child. It is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Lines<BufReader<ChildStdout>>,
    listening: BTreeMap<String, String>,
    logs: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

/// What a child left behind.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to stdout and nobody had read before.
    pub stdout: String,
    /// Everything it wrote to stderr.
    pub stderr: String,
}

impl Finished {
    /// The exit code; `None` if a signal ended it.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }
}

impl Process {
    /// Starts `command` with all three streams in our hands.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn start(command: &mut Command) -> anyhow::Result<Self> {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command
            .spawn()
            .with_context(|| format!("{command:?} does not start"))?;
        let stdout = child.stdout.take().context("no stdout")?;
        let stderr = child.stderr.take().context("no stderr")?;
        let logs = Arc::new(Mutex::new(String::new()));
        let reader = tokio::spawn(collect(BufReader::new(stderr).lines(), Arc::clone(&logs)));
        let stdin = child.stdin.take();
        Ok(Self {
            child,
            stdin,
            stdout: BufReader::new(stdout).lines(),
            listening: BTreeMap::new(),
            logs,
            reader,
        })
    }

    /// Reads stdout until every one of `names` has said `listening NAME URL`.
    ///
    /// # Errors
    /// The child ended first or the deadline passed; the message has its stderr.
    pub async fn until_listening(&mut self, names: &[&str]) -> anyhow::Result<()> {
        while !names.iter().all(|name| self.listening.contains_key(*name)) {
            let line = self
                .next_line()
                .await
                .with_context(|| format!("waiting for {names:?}; stderr:\n{}", self.logs()))?;
            if let Some((name, url)) = line
                .strip_prefix("listening ")
                .and_then(|rest| rest.split_once(' '))
            {
                self.listening.insert(name.to_owned(), url.to_owned());
            }
        }
        Ok(())
    }

    /// The URL that a listener announced, without a slash at its end.
    ///
    /// # Errors
    /// It did not announce itself.
    pub fn url(&self, name: &str) -> anyhow::Result<&str> {
        self.listening
            .get(name)
            .map(String::as_str)
            .with_context(|| format!("no listener {name}"))
    }

    /// The next line of stdout.
    ///
    /// # Errors
    /// There is none, or it did not come before the deadline.
    pub async fn next_line(&mut self) -> anyhow::Result<String> {
        let line = timeout(DEADLINE, self.stdout.next_line())
            .await
            .context("no line before the deadline")??;
        line.context("stdout ended")
    }

    /// Writes a line to stdin.
    ///
    /// # Errors
    /// The child no longer reads.
    pub async fn write_line(&mut self, line: &str) -> anyhow::Result<()> {
        let stdin = self.stdin.as_mut().context("stdin is closed")?;
        stdin.write_all(format!("{line}\n").as_bytes()).await?;
        Ok(stdin.flush().await?)
    }

    /// Writes `input` to stdin, closes it and waits for the end.
    ///
    /// # Errors
    /// The child did not end before the deadline.
    pub async fn finish(mut self, input: &str) -> anyhow::Result<Finished> {
        if let Some(mut stdin) = self.stdin.take() {
            // A child that refuses its arguments may be gone before it reads anything.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        self.end().await
    }

    /// Everything on stderr so far.
    #[must_use]
    pub fn logs(&self) -> String {
        self.logs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Sends a signal, `"TERM"` or `"KILL"`, and returns at once.
    ///
    /// # Errors
    /// The child has already ended.
    pub async fn signal(&self, name: &str) -> anyhow::Result<()> {
        let id = self.child.id().context("it has already ended")?;
        let status = Command::new("kill")
            .args(["-s", name, &id.to_string()])
            .status()
            .await?;
        anyhow::ensure!(status.success(), "SIG{name} could not be sent");
        Ok(())
    }

    /// SIGTERM, then waits for the end.
    ///
    /// # Errors
    /// The child did not end before the deadline.
    pub async fn terminate(self) -> anyhow::Result<Finished> {
        self.signal("TERM").await?;
        self.end().await
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// The child did not end before the deadline.
    pub async fn end(mut self) -> anyhow::Result<Finished> {
        let mut stdout = String::new();
        let rest = async {
            self.stdout.get_mut().read_to_string(&mut stdout).await?;
            self.child.wait().await
        };
        let Ok(status) = timeout(DEADLINE, rest).await else {
            self.child.start_kill()?;
            bail!(
                "it did not end before the deadline; stderr:\n{}",
                self.logs()
            );
        };
        let status = status?;
        self.reader.await?;
        let stderr = self
            .logs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        Ok(Finished {
            status,
            stdout,
            stderr,
        })
    }
}

async fn collect(
    mut lines: Lines<BufReader<tokio::process::ChildStderr>>,
    logs: Arc<Mutex<String>>,
) {
    while let Ok(Some(line)) = lines.next_line().await {
        let mut logs = logs.lock().unwrap_or_else(PoisonError::into_inner);
        logs.push_str(&line);
        logs.push('\n');
    }
}
