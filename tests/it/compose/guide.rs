//! The guide for containers, followed without an engine: its lines run as they are, but for `docker`, which is what this file says.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Context as _;
use harness::{
    binary,
    guide::Guide,
    process::{Finished, Process},
};
use serde_json::Value;
use tokio::process::Command;

use super::{
    stand_in::{Container, Host, Outside},
    written::{Compose, Secret, commands, compose, read},
};

/// What a line of the guide asks of `docker`, where that is a command in a container. Starting and stopping is in [`Engine`].
const DOCKER: &str = r#"
docker() {
    case "$*" in
        "compose exec -T issuer exeat session put "*) shift 5; "$EXEAT" "$@" --admin-url "$ADMIN_URL";;
        "compose exec -T issuer exeat "*|"compose exec -T sample-api exeat "*) shift 5; "$EXEAT" "$@";;
        "compose run --rm --no-deps -T --entrypoint tar issuer "*) shift 8; tar "$@";;
        "compose logs --no-log-prefix issuer") printf '%s' "$ISSUER_LOG";;
        *) echo "no stand-in for: docker $*" >&2; return 1;;
    esac
}
"#;

/// What a session and a token of the guide are in.
const SESSION_FILES: [&str; 4] = [
    "session.json",
    "session.header",
    "token.json",
    "token.header",
];

/// The services that are up, and the file system that they share.
struct Engine {
    compose: Compose,
    host: Host,
    container: Container,
    outside: Outside,
    running: BTreeMap<String, Process>,
}

impl Engine {
    /// After the guide's first lines, which need no engine.
    async fn new() -> anyhow::Result<Self> {
        let compose = compose()?;
        let host = Host::new().await?;
        fs::create_dir(host.file("docker"))?;
        for file in ["docker/issuer.toml", "docker-compose.yml"] {
            fs::write(host.file(file), read(file)?)?;
        }
        let (container, outside) = fresh(&compose, &host, &compose.secrets)?;
        Ok(Self {
            compose,
            host,
            container,
            outside,
            running: BTreeMap::new(),
        })
    }

    /// `docker compose up --wait`: the services that are not up, in order, until they are healthy.
    async fn up(&mut self, names: &[&str]) -> anyhow::Result<()> {
        let ports = [
            ("issuer", "8080", &["issuer", "admin"][..]),
            ("sample-api", "8082", &["sample-api"]),
        ];
        for (name, port, listeners) in ports {
            if !names.contains(&name) || self.running.contains_key(name) {
                continue;
            }
            let service = self.compose.services.get(name).context("no service")?;
            let mut process = self.container.start(service, &self.outside)?;
            process.until_listening(listeners).await?;
            let url = process.url(name)?;
            self.outside
                .put_again(&format!("http://127.0.0.1:{port}"), url);
            self.outside
                .put_again(&format!("http://{name}:{port}"), url);
            let health = self.container.check(service, &self.outside).await?;
            assert_eq!(health.code(), Some(0), "{name}: {}", health.stderr);
            self.running.insert(name.to_owned(), process);
        }
        Ok(())
    }

    /// `docker compose stop`.
    async fn stop(&mut self, name: &str) -> anyhow::Result<()> {
        let process = self.running.remove(name).context("it is not up")?;
        let ended = process.terminate().await?;
        assert_eq!(ended.code(), Some(0), "{name}: {}", ended.stderr);
        Ok(())
    }

    /// A block of the guide: what it prints.
    async fn follow(&mut self, lines: &str) -> anyhow::Result<String> {
        let mut output = String::new();
        let whole = lines.replace("\\\n", " ");
        for line in whole.lines() {
            match line {
                "docker compose up --build --wait" | "docker compose up --wait" => {
                    self.up(&["issuer", "sample-api"]).await?;
                }
                "docker compose up --wait issuer" => self.up(&["issuer"]).await?,
                "docker compose up --force-recreate --wait issuer" => {
                    self.stop("issuer").await?;
                    let issuer = self.compose.services.get("issuer").context("no issuer")?;
                    self.container
                        .place_secrets(&self.host, issuer, &self.compose.secrets)?;
                    self.up(&["issuer"]).await?;
                }
                "docker compose stop issuer" => self.stop("issuer").await?,
                line => {
                    let finished = self.shell(line).await?;
                    assert_eq!(finished.code(), Some(0), "{line}\n{finished:?}");
                    output.push_str(&finished.stdout);
                }
            }
        }
        Ok(output)
    }

    async fn shell(&self, line: &str) -> anyhow::Result<Finished> {
        let mut line = self.outside.of(line);
        let running = |name: &str| self.running.get(name);
        // Ports are published on the host, which our containers share with it.
        for (published, name) in [(8080, "issuer"), (8082, "sample-api")] {
            if let Some(process) = running(name) {
                line = line.replace(
                    &format!("http://localhost:{published}/"),
                    &format!("{}/", process.url(name)?),
                );
            }
        }
        let mut command = Command::new("bash");
        command
            .args(["-euo", "pipefail", "-c", &format!("{DOCKER}{line}")])
            .env("EXEAT", binary::path()?)
            .current_dir(self.host.file("."));
        if let Some(issuer) = running("issuer") {
            command
                .env("ADMIN_URL", issuer.url("admin")?)
                .env("ISSUER_LOG", issuer.logs());
        }
        Process::start(&mut command)?.finish("").await
    }
}

fn fresh(
    compose: &Compose,
    host: &Host,
    secrets: &BTreeMap<String, Secret>,
) -> anyhow::Result<(Container, Outside)> {
    let issuer = compose.services.get("issuer").context("no issuer")?;
    let mut outside = Outside::new();
    let container = Container::new(host, issuer, secrets, &mut outside)?;
    Ok((container, outside))
}

/// What the last line of the block `call` prints: verified claims.
fn assert_is_called(text: &str) -> anyhow::Result<()> {
    let claims: BTreeMap<String, Value> = serde_json::from_str(text)?;
    for (name, value) in [("iss", "http://localhost:8080"), ("sub", "user-1")] {
        assert_eq!(claims.get(name), Some(&value.into()), "{claims:?}");
    }
    Ok(())
}

#[tokio::test]
async fn the_guide_for_containers_leads_from_a_start_to_a_restored_backup() -> anyhow::Result<()> {
    let guide = Guide::read("docs/containers.md")?;
    assert_eq!(
        guide.infos(),
        [
            "sh start",
            "sh call",
            "sh remove",
            "sh change",
            "yaml docker-compose.override.yml",
            "sh health",
            "sh backup",
            "sh restore",
            "sh upgrade"
        ],
        "a block that no test runs"
    );
    let start = guide.block("sh", "start")?;
    let in_file = commands(&read("docker-compose.yml")?);
    let start: Vec<&str> = start.lines().collect();
    assert_eq!(
        in_file.get(..start.len()).unwrap_or_default(),
        start,
        "the guide and the file say the same"
    );

    let mut engine = Engine::new().await?;
    let last = start.last().context("no start")?;
    engine.follow(last).await?;
    let call = guide.block("sh", "call")?;
    assert_is_called(&engine.follow(&call).await?)?;
    let secret = engine.host.file("secrets/admin.token");
    let before = fs::read(&secret)?;
    engine.follow(&guide.block("sh", "change")?).await?;
    assert_ne!(fs::read(&secret)?, before);
    assert_is_called(&engine.follow(&call).await?)?;
    for file in SESSION_FILES {
        assert_closed(&engine.host.file(file))?;
    }

    let health = engine.follow(&guide.block("sh", "health")?).await?;
    let mut lines = health.lines();
    assert_eq!(
        (lines.next(), lines.next()),
        (Some("200 OK"), Some("200 OK"))
    );
    let kids = |text: &str| -> Vec<String> {
        let objects = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        // Events name keys too, but not when they were published.
        objects
            .filter(|object: &Value| object.get("published_at").is_some())
            .filter_map(|object| Some(object.get("kid")?.as_str()?.to_owned()))
            .collect()
    };
    let keys = kids(&health);
    assert_eq!(
        keys.len(),
        4,
        "active and pending, of two algorithms: {health}"
    );
    for line in lines {
        serde_json::from_str::<Value>(line).with_context(|| line.to_owned())?;
    }
    assert!(health.contains("token issued") && health.contains("127.0.0.1"));

    engine.follow(&guide.block("sh", "backup")?).await?;
    for archive in ["exeat-volumes.tar.gz", "exeat-files.tar.gz"] {
        assert_closed(&engine.host.file(archive))?;
    }

    // Another machine: no secret, no volume, nothing but the checkout and the archives.
    for name in ["sample-api", "issuer"] {
        engine.stop(name).await?;
    }
    fs::remove_dir_all(engine.host.file("secrets"))?;
    let restore = guide.block("sh", "restore")?;
    let (files, volumes) = restore.split_once('\n').context("one line")?;
    engine.follow(files).await?;
    (engine.container, engine.outside) =
        fresh(&engine.compose, &engine.host, &engine.compose.secrets)?;
    engine.follow(volumes).await?;
    let (_, again) = call.split_once("session.json\n").context("no session")?;
    assert_is_called(&engine.follow(again).await?)?;
    let health = engine.follow(&guide.block("sh", "health")?).await?;
    assert_eq!(kids(&health), keys, "the same keys");

    for name in ["sample-api", "issuer"] {
        engine.stop(name).await?;
    }
    engine.follow(&guide.block("sh", "upgrade")?).await?;
    assert_is_called(&engine.follow(again).await?)?;
    engine.follow(&guide.block("sh", "remove")?).await?;
    for file in SESSION_FILES {
        assert!(!engine.host.file(file).exists(), "{file}");
    }
    for name in ["sample-api", "issuer"] {
        engine.stop(name).await?;
    }
    Ok(())
}

/// The override of the guide, for a backend in a container: the issuer's admin listener is where the backend reaches it.
#[tokio::test]
async fn the_override_for_a_backend_opens_the_admin_listener_to_a_network_of_its_own()
-> anyhow::Result<()> {
    let guide = Guide::read("docs/containers.md")?;
    let text = guide.block("yaml", "docker-compose.override.yml")?;
    let added: Value = serde_saphyr::from_str(&text)?;
    let service = |name: &str| added.pointer(&format!("/services/{name}"));
    assert_eq!(
        added.pointer("/networks/admin/internal"),
        Some(&true.into())
    );
    for name in ["issuer", "backend"] {
        let networks = service(name).and_then(|service| service.get("networks"));
        let networks = networks.and_then(Value::as_array).context("no networks")?;
        assert!(networks.contains(&"admin".into()), "{name}: {networks:?}");
    }
    let environment = service("issuer").and_then(|issuer| issuer.get("environment"));
    let environment = environment.and_then(Value::as_object).context("none")?;

    let mut engine = Engine::new().await?;
    let issuer = engine.compose.services.get_mut("issuer");
    let issuer = issuer.context("no issuer")?;
    for (name, value) in environment {
        assert_eq!(value, "0.0.0.0:8081", "{name}");
        // Every address, as there, but a free port.
        issuer
            .environment
            .insert(name.clone(), "0.0.0.0:0".to_owned());
    }
    engine.up(&["issuer"]).await?;
    let running = engine.running.get("issuer").context("it is not up")?;
    let admin = running.url("admin")?;
    assert!(admin.starts_with("http://0.0.0.0:"), "{admin}");
    engine.stop("issuer").await
}

/// For its owner alone.
fn assert_closed(file: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(file)?.permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "{}", file.display());
    Ok(())
}
