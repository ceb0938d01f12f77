//! `[[alias]]`.

use super::Problems;
use crate::{
    config::{Alias, RawAlias, RawAudience},
    routes,
};

pub(super) fn aliases(
    raw: &[RawAlias],
    audiences: &[RawAudience],
    issuer_path: &str,
    problems: &mut Problems,
) -> Vec<Alias> {
    let mut aliases = Vec::with_capacity(raw.len());
    let own = routes::own_paths(issuer_path);
    let mut paths: Vec<String> = Vec::with_capacity(raw.len());
    for (position, one) in raw.iter().enumerate() {
        let key = format!("alias[{position}]");
        let (member, path) = match (one.graphql.as_deref(), one.jwks.as_deref()) {
            (Some(path), None) => ("graphql", path),
            (None, Some(path)) => ("jwks", path),
            _ => {
                problems.add(key, "expected either graphql with audience, or jwks");
                continue;
            }
        };
        let path_key = format!("{key}.{member}");
        let answered = routes::at_root_and_below(path, issuer_path);
        if !is_path(path) {
            problems.add(path_key, "expected a path such as \"/api/keys\": letters, digits and - . _ ~ between single slashes");
        } else if answered.iter().any(|path| own.contains(path)) {
            problems.add(path_key, "this path has its own answer");
        } else if answered.iter().any(|path| paths.contains(path)) {
            problems.add(path_key, "given twice");
        }
        paths.extend(answered);
        let wanted = one.audience.as_deref();
        if member == "jwks" {
            if wanted.is_some() {
                problems.add(format!("{key}.audience"), "a key set has no audience");
            }
            aliases.push(Alias::Jwks {
                path: path.to_owned(),
            });
            continue;
        }
        match wanted.map(|wanted| {
            audiences
                .iter()
                .position(|audience| audience.id.as_deref() == Some(wanted))
        }) {
            None => problems.add(
                format!("{key}.audience"),
                "missing: the query names no audience, so the alias must",
            ),
            Some(None) => problems.add(format!("{key}.audience"), "no [[audience]] has this id"),
            Some(Some(audience)) => aliases.push(Alias::GraphQl {
                path: path.to_owned(),
                audience,
            }),
        }
    }
    aliases
}

fn is_path(path: &str) -> bool {
    path.strip_prefix('/').is_some_and(|rest| {
        rest.split('/').all(|part| {
            !part.is_empty()
                && part != "."
                && part != ".."
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
        })
    })
}
