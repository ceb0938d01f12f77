//! The two cross-origin policies of the service.

use exeat_cors::{Policy, PolicyConfig};

use crate::{
    carrier::Carrier,
    config::{Config, exchange_policy},
    issuer::OpenError,
};

/// Our own origin passes without being shared; every other origin of any audience is shared with credentials.
pub(crate) fn exchange(config: &Config) -> Result<Policy, OpenError> {
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
        own_origins: vec![own.clone()],
        request_headers: headers,
        ..exchange_policy(origins)
    };
    Policy::try_from(policy).map_err(|errors| OpenError::Policy(errors.to_string()))
}

/// `*` without credentials, for the key set and the metadata.
pub(crate) fn documents() -> Result<Policy, OpenError> {
    let config = PolicyConfig {
        origins: vec!["*".to_owned()],
        methods: vec!["GET".to_owned(), "HEAD".to_owned()],
        ..PolicyConfig::default()
    };
    Policy::try_from(config).map_err(|errors| OpenError::Policy(errors.to_string()))
}
