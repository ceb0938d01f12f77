//! The guide for extension authors: its scripts against a real issuer and gate, and against answers that only a script gives.

use std::fs;

use exeat::ExternalApi;
use harness::{
    api::Api,
    guide::Guide,
    installation::{AUDIENCE, ISSUER, Installation, session},
    peers,
};
use http::StatusCode;
use tempfile::TempDir;

const ID: &str = "session-of-an-extension-user";

#[tokio::test]
async fn the_client_of_the_extension_guide_holds_renews_and_gives_up_as_it_says()
-> anyhow::Result<()> {
    let guide = Guide::read("docs/extension-author.md")?;
    assert_eq!(
        guide.infos(),
        ["js exeat-client.mjs", "js app-direct.mjs"],
        "a block that no test runs"
    );
    let folder = TempDir::new()?;
    for file in guide.blocks() {
        fs::write(folder.path().join(&file.name), &file.text)?;
    }
    let installation = Installation::new()?;
    let service = installation.start().await?;
    let mut pushed = session(ID);
    pushed["subject"] = "user-1".into(); // whom the guide's page shows
    assert_eq!(service.push(&pushed).await?.status, StatusCode::CREATED);
    let gate = ExternalApi::new(ISSUER, AUDIENCE)
        .with_jwks_uri(&service.jwks_uri())
        .with_origin(ISSUER)
        .build()
        .await?;
    let api = Api::start(gate).await?;
    let cookie = format!("__Host-Http-sid={ID}");
    let finished = peers::extension(folder.path(), &service.url, &api.url(), &cookie).await?;
    assert_eq!(finished.stdout, "ok\n", "{}", finished.stderr);
    assert_eq!(api.handled(), 2);
    Ok(())
}
