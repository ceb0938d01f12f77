//! What was measured: numbers under names. Programs print them, one a line, and the driver reads them.

use std::{collections::BTreeMap, fmt, str::FromStr};

use anyhow::Context as _;

/// Numbers under names such as `verify.RS256.exeat.ratio`. Times are nanoseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures(BTreeMap<String, f64>);

impl Figures {
    /// Adds a figure, in place of one of the same name.
    pub fn insert(&mut self, name: impl Into<String>, value: f64) {
        self.0.insert(name.into(), value);
    }

    /// The figure of this name, if it was measured.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// Adds all of `others`.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Names and numbers, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter()
            .try_for_each(|(name, value)| writeln!(f, "{name} {value}"))
    }
}

impl FromStr for Figures {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        text.lines()
            .map(|line| {
                let (name, value) = line
                    .split_once(' ')
                    .with_context(|| format!("no figure: {line}"))?;
                let value = value.parse().with_context(|| line.to_owned())?;
                Ok((name.to_owned(), value))
            })
            .collect::<anyhow::Result<_>>()
            .map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_again() {
        let mut figures = Figures::default();
        figures.insert("verify.RS256.raw", 20_550.25);
        figures.insert("refuse.shape.exeat", 15.0);
        assert_eq!(figures.to_string().parse::<Figures>().unwrap(), figures);
    }

    #[test]
    fn a_line_without_a_number_is_refused() {
        for text in ["name", "name x", "name 1 2"] {
            assert!(text.parse::<Figures>().is_err(), "{text}");
        }
    }
}
