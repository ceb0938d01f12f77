//! A directory that stands for the host, another for the file system of a container, and what is replaced to run there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use harness::{
    binary,
    process::{Finished, Process},
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use super::written::{Secret, Service, commands, final_stage, read};

/// The directory of docker-compose.yml after the commands in its comments that need no engine.
pub(super) struct Host(TempDir);

impl Host {
    pub(super) async fn new() -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let (docker, own): (Vec<String>, Vec<String>) = commands(&read("docker-compose.yml")?)
            .into_iter()
            .partition(|line| line.starts_with("docker compose "));
        assert_eq!(docker.len(), 2, "one that starts, one that makes a session");
        let mut shell = Command::new("bash");
        shell
            .args(["-euo", "pipefail", "-c", &own.join("\n")])
            .current_dir(folder.path());
        let finished = Process::start(&mut shell)?.finish("").await?;
        assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
        Ok(Self(folder))
    }

    /// A file, as docker-compose.yml names it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// What stands for the names and paths of the containers; the table above.
pub(super) struct Outside(Vec<(String, String)>);

impl Outside {
    pub(super) fn new() -> Self {
        let listen = ["0.0.0.0:8080", "127.0.0.1:8081", "0.0.0.0:8082"];
        Self(
            listen
                .map(|address| (address.to_owned(), "127.0.0.1:0".to_owned()))
                .into(),
        )
    }

    pub(super) fn put(&mut self, inside: &str, outside: &str) {
        self.0.push((inside.to_owned(), outside.to_owned()));
    }

    /// In place of what it stood for before: a service that was started again.
    pub(super) fn put_again(&mut self, inside: &str, outside: &str) {
        self.0.retain(|(known, _)| known != inside);
        self.put(inside, outside);
    }

    pub(super) fn of(&self, text: &str) -> String {
        self.0
            .iter()
            .fold(text.to_owned(), |text, (inside, outside)| {
                text.replace(inside, outside)
            })
    }
}

/// The file system that our containers see, below a temporary directory.
pub(super) struct Container {
    root: TempDir,
    volumes: Vec<PathBuf>,
    placed: BTreeSet<PathBuf>,
}

impl Container {
    /// With the mounts and secrets of a service in their places.
    pub(super) fn new(
        host: &Host,
        service: &Service,
        secrets: &BTreeMap<String, Secret>,
        outside: &mut Outside,
    ) -> anyhow::Result<Self> {
        let root = TempDir::new()?;
        let below = |path: &str| root.path().join(path.trim_start_matches('/'));
        for folder in ["/run/secrets/", "/etc/exeat/", "/var/lib/exeat/"] {
            // As the Dockerfile makes them, for the user of the container alone.
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(below(folder))?;
            let place = format!("{}/", below(folder).display());
            outside.put(folder, &place.replace("//", "/"));
        }
        place_secrets(root.path(), host, service, secrets)?;
        let mut volumes = Vec::new();
        for mount in &service.volumes {
            let (from, to) = mount.split_once(':').context("not a mount")?;
            if let Some(file) = to.strip_suffix(":ro") {
                fs::write(below(file), outside.of(&read(from)?))?;
            } else {
                fs::DirBuilder::new().mode(0o700).create(below(to))?;
                volumes.push(below(to));
            }
        }
        let placed = files(root.path())?;
        Ok(Self {
            root,
            volumes,
            placed,
        })
    }

    /// The secrets as they are on the host now: a container made anew.
    pub(super) fn place_secrets(
        &self,
        host: &Host,
        service: &Service,
        secrets: &BTreeMap<String, Secret>,
    ) -> anyhow::Result<()> {
        place_secrets(self.root.path(), host, service, secrets)
    }

    /// The service: its entry point, which is the image's, with its own arguments and environment, in the image's directory.
    pub(super) fn start(&self, service: &Service, outside: &Outside) -> anyhow::Result<Process> {
        let args = service.command.iter().map(|word| outside.of(word));
        let mut command = binary::command(args)?;
        let folder = final_stage("WORKDIR")?;
        command
            .envs(&service.environment)
            .current_dir(self.root.path().join(folder.trim_start_matches('/')));
        Process::start(&mut command)
    }

    /// The health check of a service, as the engine runs it in the container.
    pub(super) async fn check(
        &self,
        service: &Service,
        outside: &Outside,
    ) -> anyhow::Result<Finished> {
        let [cmd, program, args @ ..] = service.healthcheck.test.as_slice() else {
            anyhow::bail!("no health check");
        };
        assert_eq!([cmd, program], ["CMD", "exeat"]);
        binary::run(args.iter().map(|word| outside.of(word)), "").await
    }

    /// The command in the comments that makes a session; its id.
    pub(super) async fn make_session(
        &self,
        admin_url: &str,
        outside: &Outside,
    ) -> anyhow::Result<String> {
        let commands = commands(&read("docker-compose.yml")?);
        let words = commands
            .iter()
            .find_map(|line| line.strip_prefix("docker compose exec -T issuer exeat "))
            .context("no command makes a session")?;
        let mut args: Vec<String> = words
            .split_whitespace()
            .map(|word| outside.of(word))
            .collect();
        // Inside of the container its default is right.
        args.extend(["--admin-url".to_owned(), admin_url.to_owned()]);
        let put = binary::run(args, "").await?;
        assert_eq!(put.code(), Some(0), "{}", put.stderr);
        let answer: Value = serde_json::from_str(&put.stdout)?;
        let id = answer
            .get("session_id")
            .and_then(Value::as_str)
            .context("no session_id")?;
        Ok(id.to_owned())
    }

    /// Files that no volume holds and that were not there at first.
    pub(super) fn written_outside_volumes(&self) -> anyhow::Result<BTreeSet<PathBuf>> {
        let volume = |file: &PathBuf| self.volumes.iter().any(|volume| file.starts_with(volume));
        let mut now = files(self.root.path())?;
        assert!(now.iter().any(volume), "the volumes are in use");
        now.retain(|file| !volume(file) && !self.placed.contains(file));
        Ok(now)
    }
}

fn place_secrets(
    root: &Path,
    host: &Host,
    service: &Service,
    secrets: &BTreeMap<String, Secret>,
) -> anyhow::Result<()> {
    for name in &service.secrets {
        let secret = secrets.get(name).context("no such secret")?;
        let place = root.join("run/secrets").join(name);
        if place.exists() {
            fs::remove_file(&place)?;
        }
        fs::copy(host.file(&secret.file), place)?;
    }
    Ok(())
}

fn files(folder: &Path) -> anyhow::Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.insert(path);
        }
    }
    Ok(found)
}
