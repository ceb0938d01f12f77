//! The demo: three sites in one process, and nothing on disk.

use std::fs;

use harness::{binary, client, process::Process};
use http::StatusCode;
use tempfile::TempDir;

#[tokio::test]
async fn the_demo_answers_on_three_origins_and_leaves_no_file() -> anyhow::Result<()> {
    let directory = TempDir::new()?;
    let ports = ["--port", "0", "--api-port", "0", "--hostile-port", "0"];
    let mut command = binary::command(["demo"].into_iter().chain(ports))?;
    let mut demo = Process::start(command.current_dir(directory.path()))?;
    demo.until_listening(&["marketplace", "api", "hostile"])
        .await?;
    let marketplace = demo.url("marketplace")?;
    let api = demo.url("api")?;
    // Another host name is another site: no cookie of the marketplace ever reaches the API.
    assert!(
        marketplace.starts_with("http://localhost:"),
        "{marketplace}"
    );
    assert!(api.starts_with("http://127.0.0.1:"), "{api}");
    for site in [marketplace, demo.url("hostile")?] {
        assert_eq!(client::get(site).await?.status, StatusCode::OK, "{site}");
    }
    let refused = client::get(&format!("{api}/points")).await?;
    assert_eq!(refused.code(), "no_token");
    assert_eq!(demo.terminate().await?.code(), Some(0));
    assert_eq!(
        fs::read_dir(directory.path())?.count(),
        0,
        "files were left"
    );
    Ok(())
}
