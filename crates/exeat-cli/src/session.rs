//! `exeat session put|revoke`: talks to the admin listener. The id comes from stdin and leaves in a body.

use std::{
    io::{self, Read as _},
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, bail};
use reqwest::Method;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{
    args::{AdminArgs, PutArgs, RevokeArgs, SessionCommand},
    client,
    failure::Failure,
    output,
};

/// Where the admin listener keeps sessions.
const SESSIONS_PATH: &str = "/admin/v1/sessions";
/// Longest wait for the admin listener.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// Longest secret read from stdin or a file; ids end at 512 bytes, so this only stops a wrong file.
const MAX_SECRET: usize = 4096;

/// Runs one of the two and prints the admin listener's answer.
///
/// # Errors
/// When the token file or stdin cannot be read, the listener cannot be reached, or it refuses.
pub(crate) async fn run(command: SessionCommand) -> Result<(), Failure> {
    let answer = match command {
        SessionCommand::Put(args) => put(&args).await?,
        SessionCommand::Revoke(args) => revoke(&args).await?,
    };
    output::print(answer.trim_end()).context("stdout cannot be written")?;
    Ok(())
}

#[derive(Serialize)]
struct PutBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<&'a str>,
    subject: &'a str,
    name: &'a str,
    tenant: &'a str,
    /// Seconds.
    expires_in: u64,
}

async fn put(args: &PutArgs) -> anyhow::Result<String> {
    let session_id = session_id_from_stdin(args.session_id_stdin)?;
    let body = PutBody {
        session_id: session_id.as_ref().map(|id| id.as_str()),
        subject: &args.subject,
        name: &args.name,
        tenant: &args.tenant,
        expires_in: args.ttl.as_secs(),
    };
    ask(&args.admin, Method::PUT, &body).await
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum RevokeBody<'a> {
    SessionId(&'a str),
    Subject(&'a str),
}

async fn revoke(args: &RevokeArgs) -> anyhow::Result<String> {
    let session_id = session_id_from_stdin(args.session_id_stdin)?;
    let body = match (&session_id, &args.subject) {
        (Some(id), _) => RevokeBody::SessionId(id.as_str()),
        (None, Some(subject)) => RevokeBody::Subject(subject),
        (None, None) => bail!("give --subject or --session-id-stdin"),
    };
    ask(&args.admin, Method::DELETE, &body).await
}

async fn ask(admin: &AdminArgs, method: Method, body: &impl Serialize) -> anyhow::Result<String> {
    let mut url = admin.admin_url.clone();
    if url.scheme() == "http" && !client::is_loopback(&url) && !admin.allow_insecure_http {
        bail!(
            "{url} would get the admin token in clear; use https, or --allow-insecure-http on a network that you trust"
        );
    }
    url.set_path(SESSIONS_PATH);
    let token = secret_from_file(&admin.admin_token_file)?;
    let mut credential = reqwest::header::HeaderValue::from_str(&Zeroizing::new(format!(
        "Bearer {}",
        token.as_str()
    )))
    .with_context(|| format!("{} holds no token", admin.admin_token_file.display()))?;
    credential.set_sensitive(true);

    let answer = client::client_for(&url, TIME_LIMIT)?
        .request(method, url.clone())
        .header(reqwest::header::AUTHORIZATION, credential)
        .header(reqwest::header::CONTENT_TYPE, "application/json")
        .body(serde_json::to_vec(body)?)
        .send()
        .await
        .map_err(client::no_answer)
        .with_context(|| {
            format!("the admin listener {url} is not reachable; is --admin-url right?")
        })?;
    let status = answer.status();
    let text = client::bounded_text(answer).await?;
    if status.is_success() {
        return Ok(text);
    }
    let hint = if status == reqwest::StatusCode::UNAUTHORIZED {
        "; is --admin-token-file the right one?"
    } else {
        ""
    };
    bail!(
        "the admin listener answered {status}: {}{hint}",
        text.trim()
    )
}

fn session_id_from_stdin(wanted: bool) -> anyhow::Result<Option<Zeroizing<String>>> {
    if !wanted {
        return Ok(None);
    }
    let id = secret(io::stdin().lock()).context("the session id cannot be read from stdin")?;
    if id.is_empty() {
        bail!("stdin holds no session id");
    }
    Ok(Some(id))
}

fn secret_from_file(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let file =
        std::fs::File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let token = secret(file).with_context(|| format!("{} cannot be read", path.display()))?;
    if token.is_empty() {
        bail!(
            "{} is empty; it should hold the admin token",
            path.display()
        );
    }
    Ok(token)
}

/// One line of text without its line end.
fn secret(source: impl io::Read) -> anyhow::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    let limit = u64::try_from(MAX_SECRET).unwrap_or(u64::MAX);
    source.take(limit + 1).read_to_string(&mut text)?;
    if text.len() > MAX_SECRET {
        bail!("longer than {MAX_SECRET} bytes");
    }
    let line_end = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(line_end);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_loses_its_line_end_and_nothing_else() {
        assert_eq!(
            secret(&b" id with spaces \r\n"[..]).unwrap().as_str(),
            " id with spaces "
        );
        assert_eq!(secret(&b"plain"[..]).unwrap().as_str(), "plain");
    }

    #[test]
    fn a_secret_may_be_as_long_as_the_limit_and_not_one_byte_longer() {
        let longest = vec![b'x'; MAX_SECRET];
        assert_eq!(secret(&longest[..]).unwrap().len(), MAX_SECRET);
        let longer = vec![b'x'; MAX_SECRET + 1];
        assert!(secret(&longer[..]).is_err());
    }
}
