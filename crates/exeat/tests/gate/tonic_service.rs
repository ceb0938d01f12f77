//! A tonic service behind the gate, called by tonic's own client over a socket.

use std::net::SocketAddr;
use std::sync::Arc;

use exeat::{Gate, VerifiedToken};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tonic::service::Routes;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Endpoint, Server};
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::fixture::{Answer, FakeIssuer, NOW, claims, claims_with, es256, pinned, remote, sign};

/// A server until it is dropped.
struct Service {
    address: SocketAddr,
    task: AbortHandle,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Service {
    /// tonic's health service, which refuses to run without a verified token in the extensions.
    async fn start(gate: &Gate) -> Self {
        let (_reporter, health) = tonic_health::server::health_reporter();
        let health = InterceptedService::new(health, |call: Request<()>| {
            match call.extensions().get::<Arc<VerifiedToken>>() {
                Some(token) if token.subject() == "u-1" => Ok(call),
                _ => Err(Status::internal("no user")),
            }
        });
        let guarded = Routes::new(health).into_axum_router().layer(gate.layer());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = Server::builder()
            .add_routes(Routes::from(guarded))
            .serve_with_incoming(TcpIncoming::from(listener));
        let task = tokio::spawn(serving).abort_handle();
        Self { address, task }
    }

    async fn check(
        &self,
        metadata: &[(&'static str, &str)],
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let endpoint = Endpoint::try_from(format!("http://{}", self.address)).unwrap();
        let mut client = HealthClient::new(endpoint.connect().await.unwrap());
        let mut call = Request::new(HealthCheckRequest::default());
        for (name, value) in metadata {
            call.metadata_mut().insert(*name, value.parse().unwrap());
        }
        client.check(call).await
    }
}

#[tokio::test]
async fn a_good_token_reaches_the_service() {
    let key = es256();
    let service = Service::start(&pinned(&key, exeat::ExternalApi::with_grpc).await).await;
    let bearer = format!("Bearer {}", sign(&key, &claims()));
    let answer = service.check(&[("authorization", &bearer)]).await.unwrap();
    assert_eq!(answer.get_ref().status(), ServingStatus::Serving);
    assert!(!answer.metadata().contains_key("exeat-handler"));
}

#[tokio::test]
async fn refusals_are_statuses_with_the_challenge_in_the_metadata() {
    let key = es256();
    let service = Service::start(&pinned(&key, exeat::ExternalApi::with_grpc).await).await;
    let bearer = |changes| format!("Bearer {}", sign(&key, &claims_with(&changes)));
    let (expired, read_only) = (
        bearer(json!({ "exp": NOW - 3600 })),
        bearer(json!({ "ro": true })),
    );
    for (metadata, code, message, challenge) in [
        (
            vec![],
            Code::Unauthenticated,
            "A bearer token is required",
            Some("Bearer"),
        ),
        (
            vec![("authorization", expired.as_str())],
            Code::Unauthenticated,
            "The token expired",
            Some("Bearer error=\"invalid_token\", error_description=\"The token expired\""),
        ),
        (
            vec![("authorization", "Bearer a b")],
            Code::InvalidArgument,
            "The credentials are not a bearer token",
            Some(
                "Bearer error=\"invalid_request\", error_description=\"The credentials are not a bearer token\"",
            ),
        ),
        // Every gRPC call is a POST, so that a read-only token can call nothing.
        (
            vec![("authorization", &read_only)],
            Code::PermissionDenied,
            "The token is read-only",
            None,
        ),
        (
            vec![("origin", "https://evil.example")],
            Code::PermissionDenied,
            "origin_not_allowed",
            None,
        ),
    ] {
        let status = service.check(&metadata).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (code, message));
        let metadata = status.metadata();
        let text = |name| metadata.get(name).map(|value| value.to_str().unwrap());
        assert_eq!(text("www-authenticate"), challenge);
        assert_eq!(text("exeat-handler"), Some("not-run"));
    }
}

#[tokio::test]
async fn an_outage_is_unavailable_and_says_when_to_retry() {
    let key = es256();
    let issuer = FakeIssuer::new(&[&key]);
    issuer.answer(Answer::Status(http::StatusCode::INTERNAL_SERVER_ERROR));
    let service = Service::start(&remote(&issuer, exeat::ExternalApi::with_grpc).await).await;
    let bearer = format!("Bearer {}", sign(&key, &claims()));
    let status = service
        .check(&[("authorization", &bearer)])
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.metadata().contains_key("retry-after"));
}
