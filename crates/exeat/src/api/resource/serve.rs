use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use exeat_cors::{CorsLayer, Policy, PolicyConfig};
use exeat_jose::Scope;
use serde::Serialize;

use super::{Resource, WELL_KNOWN};
use crate::Gate;
use crate::api::rules::Rules;
use crate::api::{BuildError, ExternalApi};

/// What the metadata of every resource of this API says.
#[derive(Debug)]
pub(in crate::api) struct Served {
    resource: Resource,
    authorization_servers: Vec<String>,
    scopes: Option<Scope>,
    methods: &'static [&'static str],
    policy: Arc<Policy>,
}

/// RFC 9728 §2.
#[derive(Serialize)]
struct Metadata<'a> {
    resource: String,
    authorization_servers: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes_supported: Option<Vec<&'a str>>,
    bearer_methods_supported: &'static [&'static str],
}

impl ExternalApi {
    pub(in crate::api) fn served(
        &self,
        resource: Option<&Resource>,
        rules: &Rules,
        errors: &mut Vec<BuildError>,
    ) -> Option<Arc<Served>> {
        let scopes = self.supported_scopes.as_deref().map(Scope::parse);
        if let Some(Err(_)) = scopes {
            errors.push(BuildError::SupportedScopes);
        }
        // Anybody may read what helps to ask for a token.
        let public = PolicyConfig {
            origins: vec!["*".to_owned()],
            methods: vec!["GET".to_owned(), "HEAD".to_owned()],
            request_headers: vec!["*".to_owned(), "authorization".to_owned()],
            ..PolicyConfig::default()
        };
        let policy = Policy::try_from(public)
            .map_err(|problems| errors.extend(problems.iter().cloned().map(BuildError::Cors)))
            .ok()?;
        Some(Arc::new(Served {
            resource: resource?.clone(),
            authorization_servers: std::iter::once(self.issuer.clone())
                .chain(self.other_issuers().map(|other| other.issuer.to_owned()))
                .collect(),
            scopes: scopes.and_then(Result::ok),
            methods: if rules.read_queries() {
                &["header", "query"]
            } else {
                &["header"]
            },
            policy: Arc::new(policy),
        }))
    }
}

impl Gate {
    /// Serves the metadata of this API's resources (RFC 9728 §3) to anybody, for [`ExternalApi::with_resource`]; without that it is empty.
    /// Merge it outside of the gate:
    ///
    /// ```no_run
    /// # fn build(gate: exeat::Gate, guarded: axum::Router) {
    /// let app: axum::Router = guarded.layer(gate.layer()).merge(gate.resource_metadata());
    /// # }
    /// ```
    ///
    /// A client must find there the very URL that it had asked for, and so every path has metadata, which differ in `resource` only.
    pub fn resource_metadata<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let Some(served) = self.served() else {
            return Router::new();
        };
        let cors = CorsLayer::new(Arc::clone(&served.policy));
        Router::new()
            .route(WELL_KNOWN, get(whole))
            .route(&format!("{WELL_KNOWN}/{{*path}}"), get(part))
            .layer(cors)
            .with_state(Arc::clone(served))
    }
}

async fn whole(State(served): State<Arc<Served>>) -> Response {
    answer(&served, "")
}

async fn part(State(served): State<Arc<Served>>, uri: axum::extract::OriginalUri) -> Response {
    // As it was sent, not decoded: it must be the same bytes again.
    let path = uri.path().strip_prefix(WELL_KNOWN).unwrap_or_default();
    answer(&served, path)
}

fn answer(served: &Served, path: &str) -> Response {
    let Some(resource) = served.resource.identifier(path) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    Json(Metadata {
        resource,
        authorization_servers: &served.authorization_servers,
        scopes_supported: served.scopes.as_ref().map(|scope| scope.iter().collect()),
        bearer_methods_supported: served.methods,
    })
    .into_response()
}
