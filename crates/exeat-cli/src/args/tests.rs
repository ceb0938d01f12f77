use clap::CommandFactory as _;

use super::*;

fn parse(line: &str) -> Result<Command, clap::Error> {
    Args::try_parse_from(line.split(' ')).map(|args| args.command)
}

#[test]
fn the_definition_of_the_command_line_holds_together() {
    Args::command().debug_assert();
}

#[test]
fn every_command_has_help_with_examples() {
    fn check(command: &clap::Command, path: &str) {
        for inner in command
            .get_subcommands()
            .filter(|inner| inner.get_name() != "help")
        {
            let path = format!("{path} {}", inner.get_name());
            assert!(inner.get_about().is_some(), "{path} says what it does");
            if inner.get_subcommands().next().is_none() {
                let examples = inner
                    .get_after_help()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                assert!(
                    examples.contains("Examples:") && examples.contains(&path),
                    "{path} shows examples"
                );
                // Terminals of 80 columns do not wrap what people copy.
                let longest = examples.lines().map(str::len).max().unwrap_or_default();
                assert!(longest <= 80, "{path}: {longest} columns\n{examples}");
            }
            check(inner, &path);
        }
    }
    check(&Args::command(), "exeat");
}

#[test]
fn no_argument_takes_a_secret() {
    fn check(command: &clap::Command) {
        for argument in command.get_arguments() {
            let name = argument.get_id().as_str();
            let takes_text = argument.get_action().takes_values();
            let is_secret = ["session_id", "token", "secret", "password"].contains(&name);
            assert!(!(takes_text && is_secret), "{} {name}", command.get_name());
        }
        command.get_subcommands().for_each(check);
    }
    check(&Args::command());
}

#[test]
fn the_demo_has_fixed_ports_and_takes_others() {
    let Command::Demo(demo) = parse("exeat demo").unwrap() else {
        panic!("demo")
    };
    assert_eq!([demo.port, demo.api_port, demo.hostile_port], DEMO_PORTS);
    let Command::Demo(demo) =
        parse("exeat demo --port 0 --api-port 1 --hostile-port 65535").unwrap()
    else {
        panic!("demo")
    };
    assert_eq!([demo.port, demo.api_port, demo.hostile_port], [0, 1, 65535]);
    assert!(parse("exeat demo --port 65536").is_err());
}

#[test]
fn check_config_takes_its_file_with_and_without_the_flag_but_not_both() {
    for line in [
        "exeat check-config --config a.toml",
        "exeat check-config a.toml",
    ] {
        let Command::CheckConfig(check) = parse(line).unwrap() else {
            panic!("check-config")
        };
        assert_eq!(check.file(), std::path::Path::new("a.toml"));
    }
    assert!(parse("exeat check-config").is_err());
    assert!(parse("exeat check-config a.toml --config b.toml").is_err());
}

#[test]
fn revoke_needs_a_subject_or_an_id_on_stdin_and_not_both() {
    let revoke = "exeat session revoke --admin-token-file t";
    assert!(parse(revoke).is_err());
    assert!(parse(&format!("{revoke} --subject u-1")).is_ok());
    assert!(parse(&format!("{revoke} --session-id-stdin")).is_ok());
    assert!(parse(&format!("{revoke} --subject u-1 --session-id-stdin")).is_err());
}

#[test]
fn a_token_is_only_verified_for_an_issuer_and_an_audience() {
    assert!(parse("exeat token inspect").is_ok());
    assert!(parse("exeat token inspect --jwks keys.json").is_err());
    assert!(parse("exeat token inspect --issuer https://a.example").is_err());
    assert!(
        parse("exeat token inspect --issuer https://a.example --audience b --jwks keys.json")
            .is_ok()
    );
}

#[test]
fn times_have_a_number_and_a_unit() {
    for (text, expected) in [
        ("1ms", Duration::from_millis(1)),
        ("45s", Duration::from_secs(45)),
        ("30m", Duration::from_mins(30)),
        ("8h", Duration::from_hours(8)),
        ("1d", Duration::from_hours(24)),
    ] {
        assert_eq!(duration(text), Ok(expected), "{text}");
    }
    for text in [
        "",
        "5",
        "m",
        "0s",
        "-1s",
        "1.5s",
        "1 s",
        "1w",
        "99999999999999999999s",
        "18446744073709551615d",
    ] {
        assert!(duration(text).is_err(), "{text}");
    }
}

#[test]
fn a_session_lives_for_whole_seconds() {
    assert_eq!(whole_seconds("1000ms"), Ok(Duration::from_secs(1)));
    assert!(whole_seconds("999ms").is_err());
    assert!(whole_seconds("1001ms").is_err());
}

#[test]
fn keys_are_made_for_the_algorithms_of_audiences_only() {
    for (name, is_taken) in [
        ("ES256", true),
        ("RS256", true),
        ("HS256", false),
        ("none", false),
        ("es256", false),
    ] {
        assert_eq!(
            parse(&format!("exeat keys init --alg {name}")).is_ok(),
            is_taken,
            "{name}"
        );
    }
}

#[test]
fn algorithms_are_given_one_by_one_or_with_commas() {
    for line in [
        "exeat keys init --alg ES256 --alg RS256",
        "exeat keys init --alg ES256,RS256",
    ] {
        let Command::Keys(KeysCommand::Init(init)) = parse(line).unwrap() else {
            panic!("keys init")
        };
        assert_eq!(init.algs.len(), 2, "{line}");
    }
    assert!(parse("exeat keys init --alg ES256,HS256").is_err());
}

#[test]
fn a_token_is_minted_from_claims_and_a_key_with_whole_seconds_to_live() {
    let mint = "exeat token mint --claims - --key k.pem";
    let Command::Token(TokenCommand::Mint(args)) = parse(mint).unwrap() else {
        panic!("token mint")
    };
    assert_eq!(exeat_jose::Typ::from(args.typ).name(), "JWT");
    assert!(args.alg.is_none() && args.ttl.is_none());
    for (more, is_taken) in [
        ("--ttl 1s", true),
        ("--ttl 0s", false),
        ("--ttl 1500ms", false),
        ("--typ at+jwt", true),
        ("--typ jwt", false),
        ("--alg ES256", true),
        ("--alg EdDSA", true),
        ("--alg PS256", false),
        ("--alg HS256", false),
        ("--alg none", false),
    ] {
        assert_eq!(parse(&format!("{mint} {more}")).is_ok(), is_taken, "{more}");
    }
    assert!(parse("exeat token mint --claims -").is_err());
    assert!(parse("exeat token mint --key k.pem").is_err());
}

#[test]
fn the_types_of_the_command_line_are_those_of_the_header() {
    for typ in mint::TypArg::value_variants() {
        let name = typ.to_possible_value().unwrap().get_name().to_owned();
        assert_eq!(exeat_jose::Typ::from(*typ).name(), name);
    }
}
