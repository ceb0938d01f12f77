//! A user of a guide, as far as an API that runs.

use std::fs;

use harness::{
    client::{self, Answer},
    guide::{Guide, shell, shell_command},
    process::Process,
};
use http::Request;
use tempfile::TempDir;

use super::SHOP;

/// A guide, followed as far as its API being installed.
pub(super) struct Followed {
    pub(super) guide: Guide,
    pub(super) folder: TempDir,
}

/// An API of a guide, running.
pub(super) struct Running {
    _process: Process,
    pub(super) url: String,
}

impl Followed {
    pub(super) async fn new(path: &str, language: &str, file: &str) -> anyhow::Result<Self> {
        let guide = Guide::read(path)?;
        let api = format!("{language} {file}");
        assert_eq!(
            guide.infos(),
            ["sh install", &api, "sh start", "sh try", "json answer"],
            "a block that no test runs"
        );
        let folder = TempDir::new()?;
        fs::write(folder.path().join(file), guide.block(language, file)?)?;
        let installed = shell(folder.path(), &guide.block("sh", "install")?).await?;
        assert_eq!(installed.code(), Some(0), "{installed:?}");
        Ok(Self { guide, folder })
    }

    /// The guide's own command, with the real issuer and a free port.
    pub(super) async fn start(&self, issuer: &str) -> anyhow::Result<Running> {
        let line = self.guide.block("sh", "start")?;
        let line = replaced(&line, "http://localhost:8080", issuer);
        let line = replaced(&line, "PORT=8090", "PORT=0");
        // So that the end of this process is the end of the API.
        let mut process = Process::start(&mut shell_command(
            self.folder.path(),
            &format!("exec env {line}"),
        )?)?;
        process.until_listening(&["api"]).await?;
        let url = process.url("api")?.to_owned();
        Ok(Running {
            _process: process,
            url,
        })
    }
}

pub(super) fn replaced(text: &str, old: &str, new: &str) -> String {
    assert!(text.contains(old), "no {old} in {text}");
    text.replace(old, new)
}

impl Running {
    pub(super) async fn send(
        &self,
        method: &str,
        headers: &[(&str, &str)],
    ) -> anyhow::Result<Answer> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}/points", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        client::send(request.body(String::new())?).await
    }

    /// From the shop's page.
    pub(super) async fn call(&self, method: &str, token: &str) -> anyhow::Result<Answer> {
        let bearer = format!("Bearer {token}");
        let answer = self
            .send(method, &[("origin", SHOP), ("authorization", &bearer)])
            .await?;
        assert_eq!(
            (
                answer.header("access-control-allow-origin"),
                answer.header("vary")
            ),
            (SHOP, "Origin"),
            "a page can read every answer: {answer:?}"
        );
        Ok(answer)
    }
}
