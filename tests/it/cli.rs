//! The commands of the binary: what a script of an operator sees.

use std::ffi::OsString;

use anyhow::Context as _;
use harness::{
    binary,
    installation::{AUDIENCE, ISSUER, Installation, Service, session},
    process::Finished,
    server::Port,
    tokens,
};
use http::StatusCode;
use serde_json::Value;

const ID: &str = "a-session-id-from-stdin";

async fn admin(
    installation: &Installation,
    service: &Service,
    args: &[&str],
    stdin: &str,
) -> anyhow::Result<Finished> {
    let mut all: Vec<OsString> = args.iter().map(OsString::from).collect();
    all.extend(["--admin-url".into(), service.admin_url.clone().into()]);
    all.extend([
        "--admin-token-file".into(),
        installation.admin_token_file().into(),
    ]);
    binary::run(all, stdin).await
}

const PUT: [&str; 10] = [
    "session",
    "put",
    "--subject",
    "u-1",
    "--name",
    "ann@example.com",
    "--tenant",
    "acme",
    "--ttl",
    "1h",
];

#[tokio::test]
async fn session_put_reads_the_id_from_stdin_and_revoke_ends_it() -> anyhow::Result<()> {
    let installation = Installation::new()?;
    let service = installation.start().await?;
    let put = admin(
        &installation,
        &service,
        &[PUT.as_slice(), &["--session-id-stdin"]].concat(),
        &format!("{ID}\n"),
    )
    .await?;
    assert_eq!(put.code(), Some(0), "{}", put.stderr);
    assert!(
        !put.stdout.contains(ID) && !put.stderr.contains(ID),
        "the id is not repeated"
    );
    let claims = tokens::claims(&service.token(ID, AUDIENCE).await?)?;
    assert_eq!(claims.get("sub"), Some(&"u-1".into()));

    let revoke = admin(
        &installation,
        &service,
        &["session", "revoke", "--session-id-stdin"],
        ID,
    )
    .await?;
    assert_eq!(revoke.code(), Some(0), "{}", revoke.stderr);
    assert_eq!(
        service.exchange(ID, AUDIENCE).await?.code(),
        "session_revoked"
    );
    Ok(())
}

#[tokio::test]
async fn session_put_without_an_id_prints_the_one_it_made() -> anyhow::Result<()> {
    let installation = Installation::new()?;
    let service = installation.start().await?;
    let put = admin(&installation, &service, &PUT, "").await?;
    assert_eq!(put.code(), Some(0), "{}", put.stderr);
    let answer: Value = serde_json::from_str(&put.stdout)?;
    let id = answer
        .get("session_id")
        .and_then(Value::as_str)
        .context("no session_id")?;
    assert_eq!(id.len(), 43, "256 bits in base64url");
    service.token(id, AUDIENCE).await?;

    let revoke = admin(
        &installation,
        &service,
        &["session", "revoke", "--subject", "u-1"],
        "",
    )
    .await?;
    assert_eq!(revoke.code(), Some(0), "{}", revoke.stderr);
    assert_eq!(
        service.exchange(id, AUDIENCE).await?.code(),
        "session_revoked"
    );
    Ok(())
}

#[tokio::test]
async fn session_put_fails_with_a_wrong_admin_token_and_says_so() -> anyhow::Result<()> {
    let installation = Installation::new()?;
    let service = installation.start().await?;
    std::fs::write(
        installation.admin_token_file(),
        "not-the-admin-token-at-all",
    )?;
    let put = admin(&installation, &service, &PUT, "").await?;
    assert_eq!(put.code(), Some(1), "{}", put.stderr);
    assert!(put.stderr.contains("401"), "{}", put.stderr);
    assert!(
        !put.stderr.contains("not-the-admin-token"),
        "the token is not repeated"
    );
    Ok(())
}

#[tokio::test]
async fn a_session_id_can_not_be_given_as_an_argument() -> anyhow::Result<()> {
    let finished = binary::run([PUT.as_slice(), &["--session-id", ID]].concat(), "").await?;
    assert_eq!(
        finished.code(),
        Some(2),
        "every user of the machine reads arguments"
    );
    Ok(())
}

#[tokio::test]
async fn keys_init_and_list_show_public_facts_of_an_active_and_a_pending_key_each()
-> anyhow::Result<()> {
    let installation = Installation::new()?;
    let directory = [OsString::from("--directory"), installation.keys().into()];
    let init = binary::run(
        ["keys".into(), "init".into()]
            .into_iter()
            .chain(directory.clone()),
        "",
    )
    .await?;
    assert_eq!(init.code(), Some(0), "{}", init.stderr);
    let list = binary::run(
        ["keys".into(), "list".into()]
            .into_iter()
            .chain(directory.clone()),
        "",
    )
    .await?;
    assert_eq!(list.code(), Some(0), "{}", list.stderr);
    let rows: Vec<Value> = list
        .stdout
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let mut found: Vec<_> = rows
        .iter()
        .map(|row| (row["alg"].as_str(), row["state"].as_str()))
        .collect();
    found.sort_unstable();
    let wanted = [
        ("ES256", "active"),
        ("ES256", "pending"),
        ("RS256", "active"),
        ("RS256", "pending"),
    ];
    assert_eq!(found, wanted.map(|(alg, state)| (Some(alg), Some(state))));
    assert!(
        !list.stdout.contains("\"d\"") && !list.stdout.contains("PRIVATE"),
        "{}",
        list.stdout
    );

    // A second init changes nothing, and the service starts on what it made.
    let again = binary::run(
        ["keys".into(), "init".into()]
            .into_iter()
            .chain(directory.clone()),
        "",
    )
    .await?;
    assert_eq!(again.code(), Some(0), "{}", again.stderr);
    let after = binary::run(
        ["keys".into(), "list".into()].into_iter().chain(directory),
        "",
    )
    .await?;
    assert_eq!(after.stdout, list.stdout);
    installation.start().await?;
    Ok(())
}

#[tokio::test]
async fn token_inspect_shows_an_unverified_token_as_such_and_verifies_on_request()
-> anyhow::Result<()> {
    let installation = Installation::new()?;
    let service = installation.start().await?;
    assert_eq!(
        service.push(&session(ID)).await?.status,
        StatusCode::CREATED
    );
    let token = service.token(ID, AUDIENCE).await?;
    let signature = token.rsplit('.').next().context("no signature")?;

    let shown = binary::run(["token", "inspect"], &token).await?;
    assert_eq!(shown.code(), Some(0), "{}", shown.stderr);
    assert!(
        shown.stdout.contains("acme") && !shown.stdout.contains(signature),
        "{}",
        shown.stdout
    );

    let jwks = service.jwks_uri();
    let verify = [
        "token",
        "inspect",
        "--issuer",
        ISSUER,
        "--audience",
        AUDIENCE,
        "--jwks",
        &jwks,
    ];
    let verified = binary::run(verify, &token).await?;
    assert_eq!(verified.code(), Some(0), "{}", verified.stderr);
    let refused = binary::run(verify, &tokens::tampered(&token)?).await?;
    assert_eq!(refused.code(), Some(1), "{}", refused.stdout);
    assert!(tokens::leaks(&refused.stderr, &[signature]).is_empty());
    Ok(())
}

#[tokio::test]
async fn health_is_0_for_a_service_that_is_well_and_1_for_one_that_is_not_there()
-> anyhow::Result<()> {
    let installation = Installation::new()?;
    let service = installation.start().await?;
    for path in ["livez", "readyz"] {
        let finished = binary::run(["health", &format!("{}/{path}", service.url)], "").await?;
        assert_eq!(finished.code(), Some(0), "{path}: {}", finished.stderr);
    }
    assert_eq!(
        binary::run(["health", &format!("{}/nothing", service.url)], "")
            .await?
            .code(),
        Some(1)
    );
    let nobody = Port::any().await?.url();
    assert_eq!(binary::run(["health", &nobody], "").await?.code(), Some(1));
    Ok(())
}
