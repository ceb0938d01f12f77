//! `exeat cors explain`: what a developer sees whose page is refused.

use std::fs;

use harness::{
    binary,
    guide::{Guide, shell},
    installation::{ISSUER, Installation},
    process::Finished,
};
use serde_json::Value;
use tempfile::TempDir;

const SHOP: &str = "https://shop.example";

async fn explain(args: &[&str]) -> anyhow::Result<Finished> {
    binary::run([&["cors", "explain"], args].concat(), "").await
}

#[tokio::test]
async fn an_allowed_request_is_shown_from_preflight_to_answer() -> anyhow::Result<()> {
    let args = [
        "--origin",
        SHOP,
        "--method",
        "POST",
        "--headers",
        "authorization,content-type",
    ];
    let done = explain(&[&args[..], &["--allow-origin", SHOP]].concat()).await?;
    assert_eq!(done.code(), Some(0), "{}", done.stderr);
    for line in [
        "  access-control-request-headers: authorization,content-type",
        "Answer      204; the handler does not run",
        "Rule        origin_listed: https://shop.example is listed",
        "Browser     lets the page read it (without credentials)",
        "Result      allowed",
    ] {
        assert!(
            done.stdout.lines().any(|it| it == line),
            "{line}\n{}",
            done.stdout
        );
    }
    assert_eq!(done.stderr, "");
    Ok(())
}

#[tokio::test]
async fn a_refused_request_has_its_hint_and_exit_code_1() -> anyhow::Result<()> {
    let args = ["--origin", "http://shop.example", "--allow-origin", SHOP];
    let done = explain(&args).await?;
    assert_eq!(done.code(), Some(1), "{}", done.stderr);
    assert!(done.stdout.contains("Failed to fetch"), "{}", done.stdout);
    assert!(
        done.stdout.contains("http and https are different origins"),
        "{}",
        done.stdout
    );
    assert_eq!(done.stderr, "", "it is an answer, not a failure");
    Ok(())
}

/// Case 76.
#[tokio::test]
async fn as_json_it_says_why_a_200_is_blocked() -> anyhow::Result<()> {
    let args = ["--origin", SHOP, "--credentials", "include", "--json"];
    let done = explain(&[&args[..], &["--allow-origin", SHOP]].concat()).await?;
    assert_eq!(done.code(), Some(1), "{}", done.stderr);
    let json: Value = serde_json::from_str(&done.stdout)?;
    assert_eq!(json["allowed"], false);
    assert_eq!(json["preflight"], Value::Null);
    assert_eq!(json["request"]["rule"], "origin_listed");
    assert_eq!(
        json["request"]["status"],
        Value::Null,
        "the handler answers"
    );
    assert_eq!(json["hints"][0]["code"], "credentials");
    let allowed = ["--allow-origin", SHOP, "--allow-credentials", "include"];
    let done = explain(&[&args[..], &allowed].concat()).await?;
    assert_eq!(done.code(), Some(0), "{}", done.stdout);
    Ok(())
}

#[tokio::test]
async fn a_method_that_no_page_can_use_is_not_sent_at_all() -> anyhow::Result<()> {
    let args = ["--origin", SHOP, "--method", "TRACE", "--json"];
    let done = explain(&[&args[..], &["--allow-origin", SHOP]].concat()).await?;
    assert_eq!(done.code(), Some(1), "{}", done.stderr);
    let json: Value = serde_json::from_str(&done.stdout)?;
    assert_eq!(
        (&json["preflight"], &json["request"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(json["hints"][0]["code"], "forbidden_method");
    Ok(())
}

#[tokio::test]
async fn a_policy_comes_from_toml_or_json() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    for (name, text) in [
        ("policy.toml", r#"origins = ["https://*.mp.example"]"#),
        ("policy.json", r#"{"origins": ["https://*.mp.example"]}"#),
    ] {
        let file = folder.path().join(name);
        fs::write(&file, text)?;
        let file = file.to_string_lossy();
        let args = |origin| ["--origin", origin, "--policy", &file].map(str::to_owned);
        let covered = args("https://a.mp.example");
        let covered: Vec<&str> = covered.iter().map(String::as_str).collect();
        assert_eq!(explain(&covered).await?.code(), Some(0), "{name}");
        let apex = args("https://mp.example");
        let apex: Vec<&str> = apex.iter().map(String::as_str).collect();
        let refused = explain(&apex).await?;
        assert_eq!(refused.code(), Some(1), "{name}");
        assert!(
            refused.stdout.contains("does not cover mp.example itself"),
            "{}",
            refused.stdout
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_issuers_configuration_explains_its_exchange() -> anyhow::Result<()> {
    let installation = Installation::new()?;
    let config = installation.config();
    let config = config.to_string_lossy();
    let ask = async |origin: &str| {
        let args = [
            "--origin",
            origin,
            "--method",
            "POST",
            "--headers",
            "content-type",
        ];
        let include = ["--credentials", "include", "--config", &config];
        explain(&[&args[..], &include].concat()).await
    };
    let own = ask(ISSUER).await?;
    assert_eq!(own.code(), Some(0), "{}{}", own.stdout, own.stderr);
    assert!(own.stdout.contains("its own origin"), "{}", own.stdout);
    assert_eq!(ask("https://evil.example").await?.code(), Some(1));
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_read_is_exit_code_2_with_every_problem() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let file = folder.path().join("policy.toml");
    fs::write(&file, "origin = [\"https://shop.example\"]\n")?;
    let file = file.to_string_lossy();
    for (args, words) in [
        (&["--origin", SHOP][..], &["--policy"][..]),
        (
            &["--origin", SHOP, "--policy", &file],
            &["origin: unknown key; did you mean origins?"],
        ),
        (
            &["--origin", SHOP, "--policy", "nowhere.toml"],
            &["cannot be read"],
        ),
        (
            &["--origin", SHOP, "--allow-origin", "https://shop.example/"],
            &["remove the trailing /"],
        ),
        (
            &[
                "--origin",
                SHOP,
                "--method",
                "a b",
                "--headers",
                "x y",
                "--allow-origin",
                SHOP,
            ],
            &["--method:", "--headers:"],
        ),
    ] {
        let done = explain(args).await?;
        assert_eq!(done.code(), Some(2), "{args:?}: {}", done.stdout);
        for word in words {
            assert!(done.stderr.contains(word), "{args:?}: {}", done.stderr);
        }
        assert_eq!(done.stdout, "");
    }
    let secret = [
        "--origin",
        SHOP,
        "--headers",
        "authorization:s3cret",
        "--allow-origin",
        SHOP,
    ];
    let done = explain(&secret).await?;
    assert_eq!(done.code(), Some(2));
    assert!(!done.stderr.contains("s3cret"), "{}", done.stderr);
    Ok(())
}

#[tokio::test]
async fn the_command_of_the_troubleshooting_guide_finds_the_www() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let command = Guide::read("docs/troubleshooting.md")?.block("sh", "explain")?;
    let done = shell(folder.path(), &command).await?;
    assert_eq!(done.code(), Some(1), "{}", done.stderr);
    assert!(
        done.stdout.contains("www. makes another origin"),
        "{}",
        done.stdout
    );
    Ok(())
}
