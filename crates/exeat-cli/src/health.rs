//! `exeat health URL`: one bounded GET, for container health checks and scripts.

use anyhow::{Context as _, bail};

use crate::{args::HealthArgs, client, failure::Failure, output};

/// Asks once. A 2xx is printed and is success.
///
/// # Errors
/// Any other answer, or none within the time limit.
pub(crate) async fn run(args: &HealthArgs) -> Result<(), Failure> {
    let status = ask(args).await?;
    output::print(&status).context("stdout cannot be written")?;
    Ok(())
}

async fn ask(args: &HealthArgs) -> anyhow::Result<String> {
    let url = &args.url;
    let answer = client::client_for(url, args.timeout)?
        .get(url.clone())
        .send()
        .await
        .map_err(client::no_answer)
        .with_context(|| format!("{url} is not reachable"))?;
    let status = answer.status();
    if !status.is_success() {
        bail!("{url} answered {status}");
    }
    Ok(status.to_string())
}
