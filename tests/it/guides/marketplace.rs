//! The guide for a marketplace's backend, behind a real nginx with a certificate made for the test.

use std::{env, fs, net::Ipv4Addr, path::Path, process};

use anyhow::Context as _;
use axum::{Router, routing::get};
use exeat::ExternalApi;
use harness::{
    DEADLINE,
    api::Api,
    binary,
    guide::{Guide, shell, shell_command},
    process::{Finished, Process},
    server::{Port, Server},
};
use http::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpStream, process::Command, time::timeout};

const ISSUER: &str = "https://market.example.com";
/// Where requests to nginx and those from nginx come from: the guide's machine has 127.0.0.1 for both, which tells nobody apart.
const CALLER: &str = "127.0.0.9";
const NGINX: &str = "127.0.0.2";
const SPOOFED: &str = "203.0.113.66";

fn replaced(text: &str, old: &str, new: &str) -> anyhow::Result<String> {
    anyhow::ensure!(text.contains(old), "no {old} in {text}");
    Ok(text.replace(old, new))
}

async fn succeed(folder: &Path, lines: &str) -> anyhow::Result<String> {
    // Here curl finds .curlrc: the certificate and the address of market.example.com.
    let mut command = shell_command(folder, lines)?;
    let finished = Process::start(command.env("CURL_HOME", folder))?
        .finish("")
        .await?;
    anyhow::ensure!(finished.code() == Some(0), "{lines}\n{finished:?}");
    Ok(finished.stdout)
}

/// Steps of the guide before nginx: the service, with its real listeners.
async fn serve(guide: &Guide, folder: &Path) -> anyhow::Result<Process> {
    let trusted = format!("[\"{NGINX}\"]");
    fs::write(
        folder.join("exeat.toml"),
        replaced(
            &guide.block("toml", "exeat.toml")?,
            "[\"127.0.0.1\"]",
            &trusted,
        )?,
    )?;
    fs::write(
        folder.join("session.json"),
        guide.block("json", "session.json")?,
    )?;
    succeed(folder, &guide.block("sh", "prepare")?).await?;
    assert_eq!(
        guide.block("sh", "serve")?,
        "exeat serve --config exeat.toml\n"
    );
    let mut command = binary::command(["--log", "debug", "serve", "--config", "exeat.toml"])?;
    command
        .current_dir(folder)
        .env("EXEAT_SERVER__LISTEN", "127.0.0.1:0")
        .env("EXEAT_SERVER__ADMIN_LISTEN", "127.0.0.1:0");
    let mut service = Process::start(&mut command)?;
    service.until_listening(&["issuer", "admin"]).await?;
    Ok(service)
}

/// nginx on the guide's configuration: one process, so that its end is the end of all of it.
async fn nginx(server: &str, folder: &Path, exeat: &str, shop: &str) -> anyhow::Result<Process> {
    let certificate = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=market.example.com \
        -addext subjectAltName=DNS:market.example.com -keyout privkey.pem -out fullchain.pem";
    let made = shell(folder, certificate).await?;
    assert_eq!(made.code(), Some(0), "{}", made.stderr);

    // A loopback address of its own: between choosing the port and nginx taking it, nobody else does.
    let [.., high, low] = process::id().to_be_bytes();
    let address = Port::at((Ipv4Addr::new(127, 77, high, low), 0).into())
        .await?
        .url()
        .replace("http://", "");
    fs::write(
        folder.join(".curlrc"),
        format!(
            "cacert = {}\nconnect-to = market.example.com:443:{address}\ninterface = {CALLER}\n",
            folder.join("fullchain.pem").display()
        ),
    )?;

    let server = replaced(server, "listen 443 ssl", &format!("listen {address} ssl"))?;
    let server = replaced(&server, "/etc/exeat/tls", &folder.display().to_string())?;
    let server = replaced(&server, "127.0.0.1:8080", &exeat.replace("http://", ""))?;
    let server = replaced(&server, "http://127.0.0.1:3000", shop)?;
    let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {name};\n"))
        .concat();
    fs::write(
        folder.join("nginx.conf"),
        format!(
            "daemon off;\nmaster_process off;\npid nginx.pid;\nevents {{}}\nhttp {{\naccess_log off;\nproxy_bind {NGINX};\n{paths}{server}}}\n"
        ),
    )?;
    let mut command = Command::new("nginx");
    command
        .arg("-p")
        .arg(folder)
        .args(["-e", "stderr", "-c", "nginx.conf"])
        // Debian keeps it where only root's PATH looks.
        .env("PATH", {
            let mut path = env::var_os("PATH").unwrap_or_default();
            path.push(":/usr/sbin");
            path
        });
    let nginx = Process::start(&mut command)?;
    let listening = async {
        while TcpStream::connect(&address).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, listening)
        .await
        .with_context(|| format!("nginx does not listen: {}", nginx.logs()))?;
    Ok(nginx)
}

/// curl through nginx, with the status on the last line.
async fn curl(folder: &Path, arguments: &str) -> anyhow::Result<(u16, String)> {
    let line = format!("curl -sS -w '\\n%{{http_code}}' {arguments}");
    let output = succeed(folder, &line).await?;
    let (text, status) = output.rsplit_once('\n').context("no status")?;
    Ok((status.parse()?, text.to_owned()))
}

#[tokio::test]
async fn the_marketplace_guide_gives_tokens_over_tls_until_log_out() -> anyhow::Result<()> {
    let guide = Guide::read("docs/marketplace-backend.md")?;
    let mut infos = guide.infos();
    infos.retain(|info| !info.starts_with("rust "));
    assert_eq!(
        infos,
        [
            "toml exeat.toml",
            "sh prepare",
            "sh serve",
            "json session.json",
            "sh push",
            "http",
            "sh revoke",
            "nginx nginx.conf",
            "sh exchange",
        ],
        "a block that no test runs"
    );
    let folder = TempDir::new()?;
    let folder = folder.path();
    let service = serve(&guide, folder).await?;
    let (public, admin) = (service.url("issuer")?, service.url("admin")?);
    let at_admin = |lines: String| replaced(&lines, "http://127.0.0.1:8081", admin);
    let put: Value =
        serde_json::from_str(&succeed(folder, &at_admin(guide.block("sh", "push")?)?).await?)?;
    assert!(
        put["sid"].is_string() && put.get("session_id").is_none(),
        "{put}"
    );

    let shop = Server::start(Router::new().route("/", get(async || "the shop"))).await?;
    let server = guide.block("nginx", "nginx.conf")?;
    let nginx = nginx(&server, folder, public, &shop.url()).await?;
    let exchange = guide.block("sh", "exchange")?;
    let answer: Value = serde_json::from_str(&succeed(folder, &exchange).await?)?;
    let token = answer["token"].as_str().context("no token")?;
    let gate = ExternalApi::new(ISSUER, "loyalty-api")
        .with_jwks_uri(&format!("{public}/.well-known/jwks.json"))
        .build()
        .await?;
    let called = Api::start(gate).await?.call(token).await?;
    assert_eq!(
        called.json::<Value>()?,
        json!({"sub": "user-1", "name": "ada@example.com", "tenant": "acme"})
    );

    as_the_guide_says_of_nginx(&guide, folder).await?;

    let revoke = at_admin(guide.block("sh", "revoke")?)?;
    assert_eq!(succeed(folder, &revoke).await?.trim(), r#"{"revoked":1}"#);
    let refused = refused(folder, &exchange).await?;
    assert!(
        refused.stdout.contains(r#""session_revoked""#),
        "{refused:?}"
    );

    assert_eq!(nginx.terminate().await?.code(), Some(0));
    let ended = service.terminate().await?;
    assert_eq!(ended.code(), Some(0));
    names_the_caller_alone(&ended.stderr);
    Ok(())
}

/// What came through nginx came from curl: not from nginx, and not from what a header made up.
fn names_the_caller_alone(logs: &str) {
    let client = format!("client={CALLER}");
    let mut exchanges = logs
        .lines()
        .filter(|line| line.contains("token issued") || line.contains("exchange refused"))
        .peekable();
    assert!(exchanges.peek().is_some(), "{logs}");
    assert!(exchanges.all(|line| line.contains(&client)), "{logs}");
    assert!(
        !logs.contains(SPOOFED) && !logs.contains(&format!("client={NGINX}")),
        "{logs}"
    );
}

#[tokio::test]
async fn what_the_guide_says_for_a_further_proxy_believes_no_caller_either() -> anyhow::Result<()> {
    let guide = Guide::read("docs/marketplace-backend.md")?;
    let folder = TempDir::new()?;
    let folder = folder.path();
    let service = serve(&guide, folder).await?;
    let admin = service.url("admin")?;
    let push = replaced(&guide.block("sh", "push")?, "http://127.0.0.1:8081", admin)?;
    succeed(folder, &push).await?;
    let server = guide.block("nginx", "nginx.conf")?;
    let server = replaced(&server, "$remote_addr", "$proxy_add_x_forwarded_for")?;
    let nginx = nginx(
        &server,
        folder,
        service.url("issuer")?,
        "http://127.0.0.1:9",
    )
    .await?;
    let exchange = replaced(
        &guide.block("sh", "exchange")?,
        "-H 'Content-Type",
        &format!("-H 'X-Forwarded-For: {SPOOFED}' -H 'Content-Type"),
    )?;
    succeed(folder, &exchange).await?;
    assert_eq!(nginx.terminate().await?.code(), Some(0));
    names_the_caller_alone(&service.terminate().await?.stderr);
    Ok(())
}

/// `curl --fail-with-body` ends with 22 on a refusal.
async fn refused(folder: &Path, lines: &str) -> anyhow::Result<Finished> {
    let mut command = shell_command(folder, lines)?;
    let finished = Process::start(command.env("CURL_HOME", folder))?
        .finish("")
        .await?;
    assert_eq!(finished.code(), Some(22), "{finished:?}");
    Ok(finished)
}

/// What stands below the configuration, and the way of a page.
async fn as_the_guide_says_of_nginx(guide: &Guide, folder: &Path) -> anyhow::Result<()> {
    assert_eq!(
        curl(folder, &format!("{ISSUER}/")).await?,
        (200, "the shop".to_owned())
    );
    let (status, _) = curl(folder, &format!("-X PUT {ISSUER}/admin/v1/sessions")).await?;
    assert_eq!(status, 404, "the admin listener is not proxied");

    let metadata = format!("{ISSUER}/.well-known/oauth-authorization-server");
    let plain = curl(folder, &metadata).await?;
    let forged = "-H 'X-Forwarded-Host: evil.example' -H 'X-Forwarded-Proto: http' -H 'Forwarded: for=203.0.113.66;host=evil.example;proto=http' -H 'X-Forwarded-For: 203.0.113.66'";
    assert_eq!(
        curl(folder, &format!("{forged} {metadata}")).await?,
        plain,
        "no forwarded header is believed"
    );
    let metadata: Value = serde_json::from_str(&plain.1)?;
    let member = |name: &str| metadata.get(name).and_then(Value::as_str);
    assert_eq!(member("issuer"), Some(ISSUER));
    let jwks = member("jwks_uri").context("no jwks_uri")?;
    assert_eq!(curl(folder, jwks).await?.0, 200);

    let cookie = guide.block("http", "")?;
    let (name, _) = cookie
        .strip_prefix("Set-Cookie: ")
        .and_then(|rest| rest.split_once('='))
        .context("no cookie")?;
    let json = "-H 'Content-Type: application/json'";
    let page = format!(
        "-H 'Cookie: {name}=replace-me-with-32-random-bytes' {json} --data '{{\"audience\":\"loyalty-api\"}}' {ISSUER}/v1/token"
    );
    let marked = format!("-H 'X-Requested-By: page' {page}");
    for (arguments, status, code) in [
        (format!("-H 'Origin: {ISSUER}' {marked}"), 200, "\"token\""),
        (
            format!("-H 'Origin: {ISSUER}' {page}"),
            403,
            "csrf_header_missing",
        ),
        (
            format!("-H 'Origin: https://evil.example' {marked}"),
            403,
            "origin_not_allowed",
        ),
        (
            format!(
                "-H 'X-Forwarded-Host: evil.example' -H 'Origin: https://evil.example' {marked}"
            ),
            403,
            "origin_not_allowed",
        ),
        (
            format!("-H 'Authorization: Session another-session-than-the-cookie' {marked}"),
            400,
            "ambiguous_session",
        ),
    ] {
        let (answered, body) = curl(folder, &arguments).await?;
        assert_eq!(answered, status, "{arguments}: {body}");
        assert!(body.contains(code), "{arguments}: {body}");
    }
    let long = " ".repeat(16 * 1024 + 1);
    fs::write(folder.join("long"), long)?;
    let (status, _) = curl(folder, &format!("{json} --data @long {ISSUER}/v1/token")).await?;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE.as_u16());
    Ok(())
}
