//! What docker-compose.yml and the Dockerfile promise, kept without a Docker engine: rules for every service, and our own services run by
//! the command lines that stand there.
//!
//! What is another outside of containers, and nothing else, is replaced in those lines and in `docker/issuer.toml`:
//!
//! | in the container | here |
//! | --- | --- |
//! | `/run/secrets/`, `/etc/exeat/`, `/var/lib/exeat/` | the same path below a temporary directory |
//! | addresses to listen on: `0.0.0.0:8080`, `127.0.0.1:8081`, `0.0.0.0:8082` | `127.0.0.1:0`, a free port |
//! | addresses to connect to: `http://issuer:8080`, `http://127.0.0.1:8080`, `http://127.0.0.1:8082` | the URL that the listener announced |
//!
//! `http://localhost:8080` stays: it is the `iss` and the origin of pages, which nobody connects to.

mod guide;
mod stand_in;
mod written;

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt as _};

use anyhow::Context as _;
use harness::{
    client::{self, Answer},
    installation,
};
use http::{Request, StatusCode};
use serde_json::Value;

use self::{
    stand_in::{Container, Host, Outside},
    written::{compose, final_stage, instructions, is_not_root, is_pinned, looks_secret, read},
};

#[test]
fn every_service_is_locked_down_health_checked_and_pinned() -> anyhow::Result<()> {
    let compose = compose()?;
    let names: Vec<&str> = compose.services.keys().map(String::as_str).collect();
    assert_eq!(names, ["issuer", "postgres", "redis", "sample-api"]);
    for (name, service) in &compose.services {
        assert!(
            service.read_only,
            "{name}: its root file system is writable"
        );
        assert!(is_not_root(&service.user), "{name}: {}", service.user);
        assert_eq!(service.cap_drop, ["ALL"], "{name}");
        assert_eq!(service.security_opt, ["no-new-privileges:true"], "{name}");
        assert!(
            !service.healthcheck.test.is_empty(),
            "{name}: no health check"
        );
        assert!(is_pinned(&service.image), "{name}: {}", service.image);
        assert!(
            service
                .ports
                .iter()
                .all(|port| port.starts_with("127.0.0.1:")),
            "{name} is open to the network of the host"
        );
        for (variable, value) in &service.environment {
            assert!(!looks_secret(variable, value), "{name}: {variable}");
        }
        for word in service.command.iter().chain(&service.healthcheck.test) {
            assert!(!looks_secret("", word), "{name}: a secret in its command");
        }
        for secret in &service.secrets {
            assert!(compose.secrets.contains_key(secret), "{name}: {secret}");
        }
        let is_for_later = service.profiles == ["later"];
        assert_eq!(is_for_later, service.build.is_none(), "{name}");
    }
    Ok(())
}

#[test]
fn the_rules_for_services_tell_good_from_bad() {
    for image in ["exeat:0.1.0", "debian:bookworm-slim"] {
        assert!(is_pinned(image), "{image}");
    }
    for image in ["postgres", "postgres:", "postgres:latest"] {
        assert!(!is_pinned(image), "{image}");
    }
    assert!(is_not_root("10001:10001"));
    for user in ["", "0:0", "10001:0", "root", "10001"] {
        assert!(!is_not_root(user), "{user}");
    }
    assert!(!looks_secret("EXEAT_LOG_FORMAT", "json"));
    assert!(!looks_secret(
        "POSTGRES_PASSWORD_FILE",
        "/run/secrets/postgres_password"
    ));
    assert!(looks_secret("POSTGRES_PASSWORD", "x"));
    assert!(looks_secret("POSTGRES_PASSWORD_FILE", "x"));
    assert!(looks_secret("PLAIN", "c0ffee00c0ffee00c0ff"));
    assert!(
        !looks_secret("PLAIN", "c0ffee00c0ffee00c0f"),
        "one short of it"
    );
}

#[test]
fn the_image_is_small_runs_as_a_user_and_knows_its_health() -> anyhow::Result<()> {
    let all = instructions(&read("Dockerfile")?);
    let bases: Vec<&str> = all
        .iter()
        .filter(|(instruction, _)| instruction == "FROM")
        .map(|(_, value)| value.as_str())
        .collect();
    let channel = read("rust-toolchain.toml")?;
    let channel = channel.split('"').nth(1).context("no channel")?;
    let builder = format!("rust:{channel}-bookworm AS builder");
    assert_eq!(bases, [builder.as_str(), "debian:bookworm-slim"]);
    assert!(
        !all.iter()
            .any(|(name, _)| ["ARG", "ENV", "ADD"].contains(&name.as_str())),
        "nothing from outside gets into a layer but the files of .dockerignore"
    );

    let version = format!("image.version=\"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(final_stage("LABEL")?.contains(&version), "{version}");
    let user = final_stage("USER")?;
    assert!(is_not_root(&user), "{user}");
    assert_eq!(final_stage("ENTRYPOINT")?, r#"["exeat"]"#);
    let check = final_stage("HEALTHCHECK")?;
    let (_, check) = check.split_once("CMD ").context("no command")?;
    let issuer = compose()?.services.remove("issuer").context("no issuer")?;
    let (cmd, check_of_issuer) = issuer.healthcheck.test.split_first().context("no check")?;
    assert_eq!(cmd, "CMD", "there is no shell to need");
    assert_eq!(serde_json::from_str::<Vec<String>>(check)?, check_of_issuer);
    assert_eq!(
        serde_json::from_str::<Vec<String>>(&final_stage("CMD")?)?,
        issuer.command
    );
    for (name, service) in compose()?.services {
        if service.build.is_some() {
            assert_eq!(service.user, user, "{name}");
            let version = format!("exeat:{}", env!("CARGO_PKG_VERSION"));
            assert_eq!(service.image, version, "{name}");
        }
    }
    Ok(())
}

#[test]
fn the_build_sees_sources_and_never_a_secret() -> anyhow::Result<()> {
    let text = read(".dockerignore")?;
    let rules: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(rules.first(), Some(&"*"), "what is not named stays out");
    let admitted: BTreeSet<&str> = rules
        .iter()
        .filter_map(|rule| rule.strip_prefix('!'))
        .collect();
    assert_eq!(
        admitted,
        [
            "Cargo.lock",
            "Cargo.toml",
            "bench",
            "crates",
            "tests",
            "xtask"
        ]
        .into(),
        "the workspace: keys/ and secrets/ are not of it"
    );
    let last_admission = rules.iter().rposition(|rule| rule.starts_with('!'));
    let refused_again = rules
        .get(last_admission.unwrap_or_default()..)
        .unwrap_or_default();
    for ending in ["pem", "secret", "token", "db"] {
        let rule = format!("**/*.{ending}");
        assert!(refused_again.contains(&rule.as_str()), "{rule}");
    }
    Ok(())
}

#[tokio::test]
async fn the_commands_in_the_comments_make_every_secret_readable_in_a_closed_directory()
-> anyhow::Result<()> {
    let host = Host::new().await?;
    let directory = fs::metadata(host.file("secrets"))?;
    assert_eq!(directory.permissions().mode() & 0o777, 0o700);
    for (name, secret) in compose()?.secrets {
        let file = host.file(&secret.file);
        let mode = fs::metadata(&file)?.permissions().mode() & 0o777;
        assert_eq!(mode, 0o444, "{name}");
        assert!(fs::read_to_string(&file)?.trim().len() >= 64, "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn the_services_run_by_their_command_lines_from_a_session_to_a_verified_call()
-> anyhow::Result<()> {
    let compose = compose()?;
    let issuer = compose.services.get("issuer").context("no issuer")?;
    let sample = compose.services.get("sample-api").context("no sample")?;
    let host = Host::new().await?;
    let mut outside = Outside::new();
    let container = Container::new(&host, issuer, &compose.secrets, &mut outside)?;

    // As `depends_on` has it: first the issuer, then its health, then the API.
    let mut issuing = container.start(issuer, &outside)?;
    issuing.until_listening(&["issuer", "admin"]).await?;
    outside.put("http://issuer:8080", issuing.url("issuer")?);
    outside.put("http://127.0.0.1:8080", issuing.url("issuer")?);
    let dependency = sample.depends_on.get("issuer").context("no order")?;
    assert_eq!(dependency.condition, "service_healthy");
    let health = container.check(issuer, &outside).await?;
    assert_eq!(health.code(), Some(0), "{}", health.stderr);
    let mut sampling = container.start(sample, &outside)?;
    sampling.until_listening(&["sample-api"]).await?;
    let api = sampling.url("sample-api")?.to_owned();
    outside.put("http://127.0.0.1:8082", &api);
    let health = container.check(sample, &outside).await?;
    assert_eq!(health.code(), Some(0), "{}", health.stderr);

    let session = container
        .make_session(issuing.url("admin")?, &outside)
        .await?;
    let answer = installation::exchange(issuing.url("issuer")?, &session, "loyalty-api").await?;
    let token = installation::token_of(&answer)?;
    let accepted = whoami(&api, Some(&token)).await?;
    assert_eq!(accepted.status, StatusCode::OK, "{}", accepted.text());
    let claims: Value = accepted.json()?;
    assert_eq!(claims["iss"], "http://localhost:8080", "{claims}");
    assert_eq!(claims["sub"], "user-1", "{claims}");
    assert_eq!(claims["tenant"], "acme", "{claims}");
    let refused = whoami(&api, None).await?;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);

    for (name, service, process) in [
        ("sample-api", sample, sampling),
        ("issuer", issuer, issuing),
    ] {
        let ended = process.terminate().await?;
        assert_eq!(ended.code(), Some(0), "{name}: {}", ended.stderr);
        let health = container.check(service, &outside).await?;
        assert_eq!(health.code(), Some(1), "{name} is gone");
    }
    assert_eq!(
        container.written_outside_volumes()?,
        BTreeSet::new(),
        "the root file systems are read-only"
    );
    Ok(())
}

async fn whoami(api: &str, token: Option<&str>) -> anyhow::Result<Answer> {
    let mut request = Request::get(format!("{api}/whoami"));
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    client::send(request.body(String::new())?).await
}
