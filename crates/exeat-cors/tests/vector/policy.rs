//! Level policy: what building says.

use exeat_cors::{Policy, PolicyError};
use serde::Deserialize;
use serde_json::Value;

use super::{Fixtures, Vector};

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Expected {
    Refused {
        errors: Vec<Line>,
    },
    Built {
        warnings: Vec<Line>,
        config: Option<serde_json::Map<String, Value>>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    key: String,
    contains: Vec<String>,
}

pub(super) fn run(vector: &Vector, fixtures: &Fixtures) -> Result<(), String> {
    let built = Policy::try_from(vector.config(fixtures));
    match (vector.expected(fixtures), built) {
        (Expected::Refused { .. }, Ok(_)) => Err("the policy was built".into()),
        (Expected::Built { .. }, Err(errors)) => Err(format!("the policy was refused: {errors}")),
        (Expected::Refused { errors: expected }, Err(errors)) => {
            let keys: Vec<&str> = errors.iter().map(PolicyError::key).collect();
            let wanted: Vec<&str> = expected.iter().map(|line| line.key.as_str()).collect();
            if keys != wanted {
                return Err(format!("errors at {keys:?}, not at {wanted:?}: {errors}"));
            }
            let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
            compare(&lines, &expected)
        }
        (Expected::Built { warnings, config }, Ok(policy)) => {
            let lines: Vec<String> = policy.warnings().iter().map(ToString::to_string).collect();
            compare(&lines, &warnings)?;
            round_trip(&policy)?;
            let reported =
                serde_json::to_value(policy.config()).map_err(|error| error.to_string())?;
            for (key, wanted) in config.unwrap_or_default() {
                if reported.get(&key) != Some(&wanted) {
                    return Err(format!(
                        "config().{key} is {:?}, not {wanted}",
                        reported.get(&key)
                    ));
                }
            }
            Ok(())
        }
    }
}

fn compare(lines: &[String], expected: &[Line]) -> Result<(), String> {
    if lines.len() != expected.len() {
        return Err(format!(
            "{} lines, not {}: {lines:?}",
            lines.len(),
            expected.len()
        ));
    }
    for (line, wanted) in lines.iter().zip(expected) {
        let complete =
            line.starts_with(&wanted.key) && wanted.contains.iter().all(|text| line.contains(text));
        if !complete {
            return Err(format!(
                "{line:?} does not say {:?} of {}",
                wanted.contains, wanted.key
            ));
        }
        if line.contains('\n') {
            return Err(format!("{line:?} is more than one line"));
        }
    }
    Ok(())
}

/// The reported configuration is a fixed point.
fn round_trip(policy: &Policy) -> Result<(), String> {
    let again = Policy::try_from(policy.config())
        .map_err(|errors| format!("config() is refused: {errors}"))?;
    if again.config() == policy.config() {
        Ok(())
    } else {
        Err("config() does not round-trip".into())
    }
}
