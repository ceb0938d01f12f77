//! How a command fails: what the operator reads and the exit code that a script sees.

use std::{fmt::Write as _, process::ExitCode};

use crate::output;

/// Exit code of everything that went wrong after the configuration was found to be right.
const FAILED: u8 = 1;
/// Exit code of a wrong configuration; clap uses the same one for wrong arguments.
const MISCONFIGURED: u8 = 2;

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The configuration is wrong: every problem, each naming its key. Nothing was started.
    Configuration {
        source: String,
        problems: Vec<String>,
    },
    /// The question was answered, on stdout, and the answer is no.
    Refused,
    /// Anything else.
    Other(anyhow::Error),
}

impl Failure {
    /// Says on stderr what is wrong and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let (text, code) = self.describe();
        if !text.is_empty() {
            output::complain(&text);
        }
        ExitCode::from(code)
    }

    fn describe(&self) -> (String, u8) {
        match self {
            Self::Configuration { source, problems } => {
                let count = problems.len();
                let noun = if count == 1 { "problem" } else { "problems" };
                let mut text = format!("error: {count} {noun} in {source}; nothing was started");
                for problem in problems {
                    // Writing to a String cannot fail.
                    let _ = write!(text, "\n  {problem}");
                }
                (text, MISCONFIGURED)
            }
            Self::Refused => (String::new(), FAILED),
            Self::Other(error) => (format!("error: {error:#}"), FAILED),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_configuration_problem_is_listed_and_the_code_is_2() {
        let failure = Failure::Configuration {
            source: "exeat.toml".to_owned(),
            problems: vec![
                "issuer: missing".to_owned(),
                "audience[0].ttl: too long".to_owned(),
            ],
        };
        let (text, code) = failure.describe();
        assert_eq!(
            text,
            "error: 2 problems in exeat.toml; nothing was started\n  issuer: missing\n  audience[0].ttl: too long"
        );
        assert_eq!(code, 2);
    }

    #[test]
    fn any_other_failure_names_its_causes_and_the_code_is_1() {
        let error = anyhow::anyhow!("no such file").context("reading the token");
        let (text, code) = Failure::from(error).describe();
        assert_eq!(text, "error: reading the token: no such file");
        assert_eq!(code, 1);
    }
}
