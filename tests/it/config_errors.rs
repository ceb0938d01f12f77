//! A wrong configuration: every problem at once, each with its key, exit code 2, and nothing was started.

use harness::{binary, installation::Installation};

const WRONG: &str = r#"
issuer = "http://market.example.com/"
carriers = ["cookie:bad name", "pigeon"]
admin_token_file = "admin.token"

[server]
listen = "127.0.0.1"

[keys]
algs = ["HS256"]

[[alias]]
graphql = "/api/v1/personalization/graphql"
audience = "nobody"

[[audience]]
id = "loyalty-api"
ttl = "5 minutes"

[[audience]]
id = "loyalty-api"
alg = "none"
origins = ["https://shop.example/"]
"#;

/// The keys of `WRONG` that are wrong, as they are named in the message.
const KEYS: [&str; 9] = [
    "issuer",
    "carriers[0]",
    "carriers[1]",
    "server.listen",
    "keys.algs[0]",
    "alias[0].audience",
    "audience[0].ttl",
    "audience[1].id",
    "audience[1].alg",
];

fn assert_names_every_key(text: &str) {
    let missing: Vec<_> = KEYS
        .into_iter()
        .chain(["audience[1].origins[0]"])
        .filter(|key| !text.contains(key))
        .collect();
    assert!(missing.is_empty(), "not named: {missing:?} in\n{text}");
}

#[tokio::test]
async fn serve_lists_every_problem_and_starts_nothing() -> anyhow::Result<()> {
    let installation = Installation::with_config(WRONG)?;
    let finished = installation.start_and_fail().await?;
    assert_eq!(finished.code(), Some(2), "{}", finished.stderr);
    assert_eq!(finished.stdout, "", "no listener may come up");
    assert_names_every_key(&finished.stderr);
    assert!(!installation.keys().exists(), "no key may be made");
    assert!(
        !installation.path("exeat.db").exists(),
        "no database may be made"
    );
    Ok(())
}

#[tokio::test]
async fn check_config_lists_the_same_problems() -> anyhow::Result<()> {
    let installation = Installation::with_config(WRONG)?;
    let finished = binary::run(
        [
            "check-config".into(),
            "--config".into(),
            installation.config().into_os_string(),
        ],
        "",
    )
    .await?;
    assert_eq!(finished.code(), Some(2), "{}", finished.stderr);
    assert_names_every_key(&finished.stderr);
    Ok(())
}

#[tokio::test]
async fn check_config_accepts_a_right_configuration_and_touches_nothing() -> anyhow::Result<()> {
    let installation = Installation::new()?;
    let finished = binary::run(
        [
            "check-config".into(),
            "--config".into(),
            installation.config().into_os_string(),
        ],
        "",
    )
    .await?;
    assert_eq!(finished.code(), Some(0), "{}", finished.stderr);
    assert!(!installation.keys().exists(), "checking must not make keys");
    Ok(())
}

#[tokio::test]
async fn a_misspelt_key_is_an_error_and_not_ignored() -> anyhow::Result<()> {
    let installation = Installation::with_config(
        "issuer = \"https://market.example.com\"\nadmin_token_fiel = \"x\"\n",
    )?;
    let finished = installation.start_and_fail().await?;
    assert_eq!(finished.code(), Some(2), "{}", finished.stderr);
    assert!(
        finished.stderr.contains("admin_token_fiel"),
        "{}",
        finished.stderr
    );
    Ok(())
}

#[tokio::test]
async fn a_file_that_is_not_toml_is_a_configuration_error() -> anyhow::Result<()> {
    let finished = Installation::with_config("issuer = [\n")?
        .start_and_fail()
        .await?;
    assert_eq!(finished.code(), Some(2), "{}", finished.stderr);
    assert!(
        finished.stderr.contains("exeat.toml"),
        "{}",
        finished.stderr
    );
    Ok(())
}
