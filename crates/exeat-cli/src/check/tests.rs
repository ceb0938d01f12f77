use std::fs;

use super::*;

fn problems(toml: &str) -> Vec<String> {
    problems_with_token(toml, &"x".repeat(32))
}

fn problems_with_token(toml: &str, token: &str) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("exeat.toml");
    fs::write(&file, toml).unwrap();
    fs::write(directory.path().join("t"), token).unwrap();
    match load(&file) {
        Ok(_) => Vec::new(),
        Err(Failure::Configuration { problems, .. }) => problems,
        Err(other) => panic!("{other:?}"),
    }
}

const RIGHT: &str = "issuer = \"https://market.example.com\"\nadmin_token_file = \"t\"\n[[audience]]\nid = \"loyalty-api\"\n";

#[test]
fn a_short_configuration_is_right() {
    assert_eq!(problems(RIGHT), Vec::<String>::new());
}

#[test]
fn a_file_that_is_not_there_is_a_configuration_problem() {
    let Err(Failure::Configuration { problems, .. }) = load(Path::new("/nowhere/exeat.toml"))
    else {
        panic!()
    };
    assert!(
        problems[0].starts_with("the file cannot be read"),
        "{problems:?}"
    );
}

#[test]
fn an_unusable_admin_token_is_listed_with_the_other_problems() {
    let named = |problems: &[String]| {
        problems
            .iter()
            .filter(|problem| problem.starts_with("admin_token_file: "))
            .count()
    };
    let short = problems_with_token(RIGHT, &"x".repeat(31));
    assert_eq!((short.len(), named(&short)), (1, 1), "{short:?}");
    let missing = problems(
        &RIGHT
            .replace("\"t\"", "\"nowhere\"")
            .replace("https", "ftp"),
    );
    assert_eq!((missing.len(), named(&missing)), (2, 1), "{missing:?}");
}

#[test]
fn broken_toml_is_told_with_its_line() {
    let problems = problems("issuer = \"https://a.example\"\n[server\n");
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("line 2"), "{problems:?}");
}

#[test]
fn every_problem_of_form_and_of_meaning_is_listed_with_its_key() {
    let problems = problems(
        "issuer = 7\nadmin_token_file = \"t\"\ncolour = \"red\"\n[server]\nlisten = true\nport = 1\n\
         [[audience]]\nid = \"a\"\nttl = \"5 minutes\"\n[[audience]]\nid = \"b\"\nread_only = \"perhaps\"\nalg = \"HS256\"\n",
    );
    let keys: Vec<&str> = problems
        .iter()
        .map(|problem| problem.split(':').next().unwrap())
        .collect();
    for key in [
        "issuer",
        "colour",
        "server.listen",
        "server.port",
        "audience[0].ttl",
        "audience[1].read_only",
        "audience[1].alg",
    ] {
        assert_eq!(
            keys.iter().filter(|found| **found == key).count(),
            1,
            "{key} once in {problems:#?}"
        );
    }
}

#[test]
fn a_faulty_list_hides_no_problem_of_another_key() {
    let problems = problems(
        "issuer = \"https://a.example\"\nadmin_token_file = \"t\"\naudience = [1, 2]\ncsrf_header = 3\n",
    );
    assert!(
        problems
            .iter()
            .any(|problem| problem.starts_with("audience[0]: ")),
        "{problems:?}"
    );
    assert!(
        problems
            .iter()
            .any(|problem| problem.starts_with("csrf_header: ")),
        "{problems:?}"
    );
    assert!(
        !problems
            .iter()
            .any(|problem| problem.starts_with("audience: missing")),
        "{problems:?}"
    );
}

#[test]
fn a_misspelt_key_does_not_hide_that_the_right_one_is_missing() {
    let problems = problems("issuers = \"https://a.example\"\nadmin_token_file = \"t\"\n");
    for start in [
        "issuers: unknown key; did you mean issuer?",
        "issuer: missing",
        "audience: missing",
    ] {
        assert!(
            problems.iter().any(|problem| problem.starts_with(start)),
            "{start} in {problems:?}"
        );
    }
}

#[test]
fn an_unknown_key_names_what_was_probably_meant_or_all_that_there_are() {
    let known = ["issuer", "carriers", "csrf_header", "server"];
    for (written, meant) in [
        ("isuer", "issuer"),
        ("issuers", "issuer"),
        ("isseur", "issuer"),
        ("csrf-header", "csrf_header"),
        ("severs", "server"),
    ] {
        let expected = format!("unknown key; did you mean {meant}?");
        assert_eq!(unknown(written, &known), expected, "{written}");
    }
    for written in ["issuerurl", "x", "colour"] {
        assert_eq!(
            unknown(written, &known),
            "unknown key; there are issuer, carriers, csrf_header, server",
            "{written}"
        );
    }
}

#[test]
fn the_environment_is_blamed_for_what_it_sets_and_the_file_for_the_rest() {
    let overridden = Overridden(
        ["isuer", "server.listen", "carriers"]
            .map(str::to_owned)
            .into(),
    );
    let file = Path::new("exeat.toml");
    for (problem, variable) in [
        ("isuer: unknown key", Some("EXEAT_ISUER")),
        ("server.listen: expected", Some("EXEAT_SERVER__LISTEN")),
        ("carriers[1]: given twice", Some("EXEAT_CARRIERS")),
        ("server.listener: unknown key", None),
        ("server: wrong", None),
        ("the file cannot be read", None),
    ] {
        let blamed = variable.map_or_else(
            || problem.to_owned(),
            |variable| format!("{problem} (set by {variable} in the environment)"),
        );
        assert_eq!(overridden.blame(problem.to_owned()), blamed);
    }
    for (problems, source) in [
        (&["isuer: unknown key"][..], "the environment"),
        (&["issuer: missing"], "exeat.toml"),
        (
            &["isuer: unknown key", "issuer: missing"],
            "exeat.toml and the environment",
        ),
    ] {
        let problems: Vec<String> = problems.iter().map(|one| (*one).to_owned()).collect();
        assert_eq!(overridden.source(file, &problems), source);
    }
}

#[test]
fn paths_are_written_as_operators_write_them() {
    let path = ["audience", "0", "origins", "12"].map(str::to_owned);
    assert_eq!(dotted(&path), "audience[0].origins[12]");
    assert_eq!(dotted(&[]), "");
}
