//! The two cross-origin policies of the service.

use exeat_cors::{Policy, PolicyConfig, PolicyErrors};

use crate::{
    carrier::Carrier,
    config::{Config, exchange_policy},
};

/// Every origin of any audience but our own, which [`Exchange::decide`](crate::exchange::Exchange::decide) lets pass before it asks this policy; shared with
/// credentials.
pub(crate) fn exchange(config: &Config) -> Result<Policy, PolicyErrors> {
    let own = &config.issuer.origin;
    let mut origins: Vec<String> = Vec::new();
    for origin in config
        .audiences
        .iter()
        .flat_map(|audience| &audience.origins)
    {
        if origin != own && !origins.contains(origin) {
            origins.push(origin.clone());
        }
    }
    if origins.is_empty() {
        return Ok(Policy::deny_all());
    }
    let mut headers = vec![
        "content-type".to_owned(),
        "authorization".to_owned(),
        config.csrf_header.to_string(),
    ];
    for carrier in &config.carriers {
        if let Carrier::Header(name) = carrier {
            headers.push(name.to_string());
        }
    }
    let policy = PolicyConfig {
        request_headers: headers,
        ..exchange_policy(origins)
    };
    Policy::try_from(policy)
}

/// `*` without credentials, for the key set and the metadata.
pub(crate) fn documents() -> Result<Policy, PolicyErrors> {
    let config = PolicyConfig {
        origins: vec!["*".to_owned()],
        methods: vec!["GET".to_owned(), "HEAD".to_owned()],
        ..PolicyConfig::default()
    };
    Policy::try_from(config)
}
