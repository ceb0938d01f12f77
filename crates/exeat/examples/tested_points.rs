//! An API and its tests, among them a rotation and an outage of the issuer: no socket, no waiting.
//!
//! ```text
//! cargo test -p exeat --example tested_points --features testkit
//! ```

use std::error::Error;

use axum::routing::get;
use axum::{Json, Router};
use exeat::{ExternalApi, Gate, User};
use tokio::net::TcpListener;

/// What production runs with. The tests use it too: a wrong tenant or audience in here fails them.
fn configuration() -> ExternalApi {
    ExternalApi::new("https://market.example.com", "loyalty-api")
        .with_origin("https://market.example.com")
        .with_tenants(["acme"])
}

/// The routes of this API behind its gate.
fn service(gate: &Gate) -> Router {
    Router::new()
        .route("/points", get(points).post(points))
        .layer(gate.layer())
}

async fn points(user: User) -> Json<usize> {
    Json(100 * user.sub.len())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let gate = configuration().build().await?;
    let listener = TcpListener::bind("127.0.0.1:8090").await?;
    axum::serve(listener, service(&gate)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::Body;
    use axum::http::{Request, Response, StatusCode};
    use exeat::HealthState;
    use exeat::testkit::{BrowserContract, FakeIssuer, Fault};
    use tower::ServiceExt;

    use super::*;

    /// The issuer that the configuration names, under the control of a test.
    async fn start() -> (FakeIssuer, Gate, Router) {
        let issuer = FakeIssuer::new("https://market.example.com", "loyalty-api");
        let gate = issuer.connect(configuration()).build().await.unwrap();
        let app = service(&gate);
        (issuer, gate, app)
    }

    async fn call(app: &Router, method: &str, bearer: String) -> Response<Body> {
        let request = Request::builder()
            .method(method)
            .uri("/points")
            .header("authorization", bearer)
            .body(Body::empty())
            .unwrap();
        app.clone().oneshot(request).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn only_good_tokens_of_our_tenant_come_in() {
        let (issuer, _gate, app) = start().await;
        for (method, draft, status) in [
            ("GET", issuer.token(), 200),
            ("GET", issuer.token().expired(), 401),
            ("GET", issuer.token().for_audience("another-api"), 401),
            ("GET", issuer.token().tampered(), 401),
            ("GET", issuer.token().of_tenant("globex"), 403),
            ("GET", issuer.token().read_only(), 200),
            ("POST", issuer.token().read_only(), 403),
        ] {
            assert_eq!(call(&app, method, draft.bearer()).await.status(), status);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_notices_a_rotation() {
        let (issuer, _gate, app) = start().await;
        let old = issuer.token();

        let next = issuer.publish_next();
        assert_eq!(call(&app, "GET", old.bearer()).await.status(), 200);
        issuer.activate_next();
        let new = issuer.token();
        assert_eq!(issuer.active_key(), next);
        assert_eq!(call(&app, "GET", new.bearer()).await.status(), 200);
        assert_eq!(call(&app, "GET", old.bearer()).await.status(), 200);

        // Worse: without notice, and with the old keys gone.
        issuer.rotate_rudely();
        assert_eq!(
            call(&app, "GET", issuer.token().bearer()).await.status(),
            200
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_survived_for_an_hour_and_is_never_the_callers_fault() {
        let (issuer, gate, app) = start().await;
        issuer.next_answers([Fault::Hang, Fault::Status(500), Fault::Garbage]);
        issuer.down();

        tokio::time::sleep(Duration::from_hours(1)).await; // takes no time
        assert_eq!(gate.health().state, HealthState::Stale);
        assert_eq!(
            call(&app, "GET", issuer.token().bearer()).await.status(),
            200
        );

        tokio::time::sleep(Duration::from_mins(10)).await;
        let refused = call(&app, "GET", issuer.token().bearer()).await;
        assert_eq!(refused.status(), 503);
        assert!(refused.headers().contains_key("retry-after"));
        assert!(!gate.is_ready());

        issuer.up();
        gate.ready().await; // by itself
        assert_eq!(
            call(&app, "GET", issuer.token().bearer()).await.status(),
            200
        );
    }

    #[tokio::test(start_paused = true)]
    async fn pages_can_read_what_we_answer_and_strangers_cannot() {
        let (issuer, gate, app) = start().await;
        let token = issuer.token().bearer();
        let method = Request::put("/points").header("authorization", &token);
        BrowserContract::new(&gate.policy())
            .with_path("/points")
            .with_token(&token)
            .with_request(
                "a method that the policy does not list",
                StatusCode::FORBIDDEN,
                method.body(String::new()).unwrap(),
            )
            .assert(&app)
            .await;
    }
}
