//! The binary from outside: what it prints where, and its exit codes.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot start the binary has failed"
)]

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

fn exeat(arguments: &[&str]) -> Output {
    exeat_with_stdin(arguments, "")
}

fn exeat_with_stdin(arguments: &[&str], stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_exeat"))
        .args(arguments)
        .env_remove("EXEAT_LOG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The child may end without reading; then the pipe is broken, which is not what is tested.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

fn written(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

const WRONG: &str =
    "issuer = \"http://market.example.com\"\ncolour = \"red\"\n[[audience]]\nttl = \"1s\"\n";

#[test]
fn a_wrong_configuration_is_exit_code_2_with_every_problem_on_stderr() {
    let directory = tempfile::tempdir().unwrap();
    let file = written(directory.path(), "exeat.toml", WRONG);
    for arguments in [
        &["check-config", "--config", &file][..],
        &["check-config", &file],
        &["serve", "--config", &file],
    ] {
        let output = exeat(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(stdout(&output), "", "{arguments:?}");
        for key in [
            "issuer: ",
            "colour: ",
            "admin_token_file: ",
            "audience[0].id: ",
            "audience[0].ttl: ",
        ] {
            assert!(
                stderr(&output).contains(&format!("\n  {key}")),
                "{key} in {}",
                stderr(&output)
            );
        }
    }
    let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(
        left.len(),
        1,
        "nothing but the configuration is there: {left:?}"
    );
}

#[test]
fn a_right_configuration_is_exit_code_0_and_touches_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let right = "issuer = \"https://market.example.com\"\nadmin_token_file = \"admin.token\"\n[[audience]]\nid = \"loyalty-api\"\n";
    let file = written(directory.path(), "exeat.toml", right);
    written(directory.path(), "admin.token", &"x".repeat(32));
    let output = exeat(&["check-config", &file]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("is right"));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2);
}

#[test]
fn an_environment_variable_overrides_the_file_and_is_checked_like_it() {
    let directory = tempfile::tempdir().unwrap();
    let right = "issuer = \"https://market.example.com\"\nadmin_token_file = \"admin.token\"\n[[audience]]\nid = \"loyalty-api\"\n";
    let file = written(directory.path(), "exeat.toml", right);
    written(directory.path(), "admin.token", &"x".repeat(32));
    let run = |name: &str, value: &str| {
        Command::new(env!("CARGO_BIN_EXE_exeat"))
            .args(["check-config", &file])
            .env(name, value)
            .output()
            .unwrap()
    };
    let other = run("EXEAT_ISSUER", "https://other.example.com");
    assert!(
        stdout(&other).contains("https://other.example.com"),
        "{}",
        stderr(&other)
    );
    let nested = run("EXEAT_SERVER__LISTEN", "nonsense");
    assert_eq!(nested.status.code(), Some(2));
    assert!(
        stderr(&nested).contains("server.listen: "),
        "{}",
        stderr(&nested)
    );
    let misspelt = run("EXEAT_ISUER", "https://other.example.com");
    assert_eq!(misspelt.status.code(), Some(2));
    assert!(
        stderr(&misspelt).contains("error: 1 problem in the environment; nothing was started\n  isuer: unknown key; did you mean issuer? (set by EXEAT_ISUER in the environment)"),
        "{}",
        stderr(&misspelt)
    );
    assert_eq!(run("EXEAT_LOG", "debug").status.code(), Some(0));
}

#[test]
fn a_wrong_log_filter_is_exit_code_2() {
    let output = exeat(&["--log", "exeat=loud", "keys", "list"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--log"), "{}", stderr(&output));
}

#[test]
fn health_is_exit_code_1_when_nobody_answers() {
    // Bound and never accepted from by anyone: taken away again before it is asked.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let output = exeat(&["health", &format!("http://127.0.0.1:{port}/readyz")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("is not reachable"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn health_gives_up_on_a_server_that_never_answers() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/readyz", silent.local_addr().unwrap());
    let output = exeat(&["health", &url, "--timeout", "100ms"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("no answer in time"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn keys_are_made_once_and_listed_without_anything_private() {
    let directory = tempfile::tempdir().unwrap();
    let keys = directory.path().join("keys");
    let keys = keys.to_str().unwrap();
    let missing = exeat(&["keys", "list", "--directory", keys]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(
        stderr(&missing).contains("keys init"),
        "{}",
        stderr(&missing)
    );

    let made = exeat(&["keys", "init", "--directory", keys, "--alg", "ES256"]);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    let states: Vec<serde_json::Value> = stdout(&made)
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["state"].clone())
        .collect();
    assert_eq!(states, ["active", "pending"]);
    let again = exeat(&["keys", "init", "--directory", keys, "--alg", "ES256"]);
    assert_eq!(stdout(&again), stdout(&made));
    let listed = exeat(&["keys", "list", "--directory", keys]);
    assert_eq!(stdout(&listed), stdout(&made));
    assert!(!stdout(&listed).contains("PRIVATE"));
}

#[test]
fn published_keys_are_exported_without_anything_private() {
    let directory = tempfile::tempdir().unwrap();
    let keys = directory.path().join("keys");
    let keys = keys.to_str().unwrap();
    let missing = exeat(&["keys", "export-public", "--directory", keys]);
    assert_eq!(missing.status.code(), Some(1));
    assert_eq!(stdout(&missing), "");
    std::fs::create_dir(keys).unwrap();
    let empty = exeat(&["keys", "export-public", "--directory", keys]);
    assert_eq!(empty.status.code(), Some(1));
    assert!(stderr(&empty).contains("keys init"), "{}", stderr(&empty));

    let made = exeat(&["keys", "init", "--directory", keys, "--alg", "ES256"]);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    let exported = exeat(&["keys", "export-public", "--directory", keys]);
    assert_eq!(exported.status.code(), Some(0), "{}", stderr(&exported));
    let set: serde_json::Value = serde_json::from_str(stdout(&exported)).unwrap();
    let members = set["keys"].as_array().unwrap();
    assert_eq!(members.len(), 2);
    for key in members {
        let mut names: Vec<_> = key.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    }
}

/// ring makes no RSA keys; the advice has to be enough to go on.
#[cfg(not(feature = "aws-lc-rs"))]
#[test]
fn without_rsa_generation_the_openssl_command_is_shown() {
    let directory = tempfile::tempdir().unwrap();
    let keys = directory.path().join("keys");
    let keys = keys.to_str().unwrap();
    let output = exeat(&["keys", "init", "--directory", keys, "--alg", "RS256"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("openssl genpkey -algorithm RSA")
            && stderr(&output).contains(keys),
        "{}",
        stderr(&output)
    );
}

#[test]
fn claims_that_cannot_be_signed_are_exit_code_1_and_nothing_is_printed() {
    let directory = tempfile::tempdir().unwrap();
    let key = written(directory.path(), "secret.pem", "not-a-key-but-secret");
    let mint =
        |claims: &str| exeat_with_stdin(&["token", "mint", "--claims", "-", "--key", &key], claims);
    for (claims, why) in [
        (
            r#"{"exp":"soon","sub":7}"#,
            "wrong claims: sub must be a string; exp must be",
        ),
        ("[]", "one JSON object"),
        ("{}", "secret.pem cannot be used: not a PKCS#8"),
    ] {
        let output = mint(claims);
        assert_eq!(output.status.code(), Some(1), "{claims}");
        assert_eq!(stdout(&output), "", "{claims}");
        assert!(
            stderr(&output).contains(why) && !stderr(&output).contains("not-a-key"),
            "{}",
            stderr(&output)
        );
    }
}

#[test]
fn a_token_is_inspected_from_stdin_and_its_signature_is_not_shown() {
    // {"alg":"ES256"} . {"sub":"u-1"} . bytes that are no signature of anything
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1LTEifQ.bm8tc2lnbmF0dXJl";
    let output = exeat_with_stdin(&["token", "inspect"], &format!("{token}\n"));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let shown: serde_json::Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(shown["signature"], "UNVERIFIED");
    assert_eq!(shown["claims"]["sub"], "u-1");
    assert!(
        !stdout(&output).contains("bm8tc2lnbmF0dXJl")
            && !stderr(&output).contains("bm8tc2lnbmF0dXJl")
    );
}

#[test]
fn the_admin_token_is_not_sent_in_clear_to_another_machine() {
    let directory = tempfile::tempdir().unwrap();
    let token = written(directory.path(), "admin.token", "a-secret-of-the-test\n");
    let url = "http://admin.example:8081";
    let output = exeat(&[
        "session",
        "revoke",
        "--subject",
        "u-1",
        "--admin-url",
        url,
        "--admin-token-file",
        &token,
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("--allow-insecure-http") && !stderr(&output).contains("a-secret"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_taken_port_of_the_demo_names_the_flag_that_changes_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = exeat(&[
        "demo",
        "--port",
        "0",
        "--api-port",
        &port,
        "--hostile-port",
        "0",
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("--api-port 0"),
        "{}",
        stderr(&output)
    );
    assert_eq!(stdout(&output), "");
}

#[test]
fn a_taken_port_of_the_service_names_the_key_and_makes_no_keys() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for (key, other) in [("listen", "admin_listen"), ("admin_listen", "listen")] {
        let directory = tempfile::tempdir().unwrap();
        written(directory.path(), "admin.token", &"x".repeat(32));
        let text = format!(
            "issuer = \"https://market.example.com\"\nadmin_token_file = \"admin.token\"\n[server]\n{key} = \"127.0.0.1:{port}\"\n{other} = \"127.0.0.1:0\"\n[[audience]]\nid = \"loyalty-api\"\n"
        );
        let file = written(directory.path(), "exeat.toml", &text);
        let output = exeat(&["serve", "--config", &file]);
        assert_eq!(output.status.code(), Some(1));
        let expected = format!("server.{key}: somebody else listens there");
        assert!(stderr(&output).contains(&expected), "{}", stderr(&output));
        assert_eq!(stdout(&output), "");
        let left = std::fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(left, 2, "no keys and no database");
    }
}
