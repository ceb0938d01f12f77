use clap::Parser as _;

use super::*;
use crate::args::{Args, Command};

const LEAST: &str = "--issuer https://market.example.com --audience loyalty-api";

fn problems(options: &str) -> Vec<String> {
    let line = format!("exeat sample-api {options}");
    let Command::SampleApi(args) = Args::try_parse_from(line.split_whitespace())
        .unwrap()
        .command
    else {
        panic!("sample-api")
    };
    Options::try_from(&args).err().unwrap_or_default()
}

fn wrong_options(options: &str) -> Vec<String> {
    let problems = problems(options);
    let options = problems.iter().map(|problem| {
        let (option, why) = problem.split_once(": ").unwrap();
        assert!(!why.is_empty(), "{problem}");
        option.to_owned()
    });
    options.collect()
}

#[test]
fn the_examples_and_the_least_options_are_right() {
    for right in [
        LEAST,
        "--issuer http://127.0.0.1:8080 --audience loyalty-api",
        "--issuer https://a.example --audience b --origin https://a.example,https://*.a.example --tenant acme,northwind",
        "--issuer https://a.example --audience b --profile rfc9068 --alg RS256",
        "--issuer https://a.example --profile appdirect --tenant * --origin https://a.example",
        "--issuer bc/apps --jwks-uri https://a.example/keys --audience b --profile exeat",
        "--issuer http://issuer:8080 --audience b --allow-insecure-http",
    ] {
        assert_eq!(problems(right), Vec::<String>::new(), "{right}");
    }
}

#[test]
fn every_problem_is_found_at_once_under_the_name_of_its_option() {
    let found = wrong_options(
        "--listen 8082 --jwks-uri http://a.example/keys --profile oidc --tenant a,* --alg HS256 --leeway 301s \
         --origin https://a.example/ --origin null --method TRACE --header cookie --credentials maybe \
         --jwks-lifetime 59s --jwks-max-stale 25h --jwks-cooldown 0s --jwks-timeout soon",
    );
    let mut found: Vec<&str> = found.iter().map(String::as_str).collect();
    found.sort_unstable();
    let expected = [
        "--alg",
        "--audience",
        "--credentials",
        "--header",
        "--issuer",
        "--jwks-cooldown",
        "--jwks-lifetime",
        "--jwks-max-stale",
        "--jwks-timeout",
        "--jwks-uri",
        "--leeway",
        "--listen",
        "--method",
        "--origin",
        "--origin",
        "--profile",
        "--tenant",
    ];
    assert_eq!(found, expected);
}

#[test]
fn ranges_include_their_ends_and_nothing_beyond() {
    for (option, ends, beyond) in [
        ("--leeway", ["0s", "5m"], ["301s", "500ms"]),
        ("--jwks-lifetime", ["1m", "1h"], ["59s", "3601s"]),
        ("--jwks-max-stale", ["0s", "24h"], ["86401s", "-1s"]),
        ("--jwks-cooldown", ["1s", "5m"], ["999ms", "301s"]),
        ("--jwks-timeout", ["10ms", "30s"], ["9ms", "31s"]),
        (
            "--listen",
            ["0.0.0.0:0", "[::1]:65535"],
            ["localhost", "127.0.0.1:65536"],
        ),
    ] {
        for end in ends {
            assert_eq!(
                problems(&format!("{LEAST} {option}={end}")),
                Vec::<String>::new()
            );
        }
        for value in beyond {
            assert_eq!(
                wrong_options(&format!("{LEAST} {option}={value}")),
                [option],
                "{value}"
            );
        }
    }
}

#[test]
fn only_app_direct_does_without_an_audience_and_only_it_needs_tenants() {
    let issuer = "--issuer https://a.example";
    assert_eq!(wrong_options(issuer), ["--audience"]);
    assert_eq!(
        wrong_options(&format!("{issuer} --profile rfc9068")),
        ["--audience"]
    );
    assert_eq!(
        wrong_options(&format!("{issuer} --profile appdirect")),
        ["--tenant"]
    );
    assert_eq!(
        wrong_options(&format!("{issuer} --audience= --profile exeat")),
        ["--audience"]
    );
}

#[test]
fn methods_and_headers_are_checked_without_an_origin_too() {
    assert_eq!(
        wrong_options(&format!("{LEAST} --method TRACE --header sec-x")),
        ["--method", "--header"]
    );
}

#[test]
fn an_issuer_without_metadata_is_told_of_the_option_and_not_of_rust() {
    let [problem] = &problems("--issuer bc/apps --audience b")[..] else {
        panic!("one problem")
    };
    assert!(
        problem.starts_with("--issuer: ")
            && problem.contains("--jwks-uri")
            && !problem.contains("with_"),
        "{problem}"
    );
}

#[test]
fn app_direct_includes_credentials_unless_told_otherwise() {
    // Browsers refuse `*` together with credentials, so the policy shows which mode it has.
    let any = "--issuer https://a.example --tenant T1 --origin *";
    assert_eq!(
        wrong_options(&format!("{any} --profile appdirect")),
        ["--origin"]
    );
    assert!(problems(&format!("{any} --profile appdirect --credentials omit")).is_empty());
    let exeat = format!("{any} --audience b");
    assert!(problems(&exeat).is_empty());
    assert_eq!(
        wrong_options(&format!("{exeat} --credentials include")),
        ["--origin"]
    );
}
