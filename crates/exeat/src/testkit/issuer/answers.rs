//! What the issuer answers, and what goes wrong with it.

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use serde_json::json;

use super::{FakeIssuer, State};
use crate::testkit::Fault;
use crate::testkit::fault::{Answer, Delivery};
use crate::{FetchError, HttpGet};

impl FakeIssuer {
    /// What the next requests for the key set get, in this order; after them all is well again. Requests for metadata are not counted
    /// and get the right answer.
    ///
    /// ```
    /// use std::time::Duration;
    /// use exeat::{ExternalApi, testkit::{FakeIssuer, Fault}};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let issuer = FakeIssuer::new("https://market.example.com", "loyalty-api");
    /// issuer.next_answers([Fault::Hang, Fault::Status(503), Fault::TooManyRequests(Duration::from_secs(20))]);
    /// let gate = issuer.connect(ExternalApi::new("https://market.example.com", "loyalty-api")).build().await?;
    /// assert!(!gate.is_ready(), "it starts all the same");
    /// gate.ready().await; // the gate tries again by itself
    /// assert_eq!(issuer.key_set_requests(), 4);
    /// # Ok(())
    /// # }
    /// ```
    pub fn next_answers(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state().script.extend(faults);
    }

    /// An outage: from now on every connection is reset, until [`Self::up`].
    pub fn down(&self) {
        self.down_with(Fault::Reset);
    }

    /// An outage of another kind: every request gets this, for metadata too, until [`Self::up`].
    ///
    /// ```
    /// use exeat::{ExternalApi, testkit::{FakeIssuer, Fault}};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let issuer = FakeIssuer::new("https://market.example.com", "loyalty-api");
    /// let gate = issuer.connect(ExternalApi::new("https://market.example.com", "loyalty-api")).build().await?;
    /// issuer.down_with(Fault::WrongType);
    /// assert!(gate.refresh().await.is_err());
    /// assert!(gate.verifier().verify(&issuer.token().mint()).await.is_ok(), "the keys at hand stay good");
    /// issuer.up();
    /// assert!(gate.refresh().await.is_ok());
    /// # Ok(())
    /// # }
    /// ```
    pub fn down_with(&self, fault: Fault) {
        self.state().standing = Some(fault);
    }

    /// The end of an outage, and of a script that is not over yet.
    pub fn up(&self) {
        let mut state = self.state();
        state.script.clear();
        state.standing = None;
    }

    /// A header of every answer from now on, in place of the issuer's own, such as `Cache-Control`.
    ///
    /// ```
    /// use exeat::testkit::FakeIssuer;
    ///
    /// let issuer = FakeIssuer::new("https://market.example.com", "loyalty-api");
    /// issuer.set_header("cache-control", "max-age=60");
    /// ```
    ///
    /// # Panics
    /// If it is no header.
    #[expect(
        clippy::panic,
        reason = "the documented end of a test that asks for no header"
    )]
    pub fn set_header(&self, name: &str, value: &str) {
        let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>())
        else {
            panic!("{name}: {value:?} is no header");
        };
        self.state().headers.insert(name, value);
    }

    /// How often the key set was asked for.
    ///
    /// ```
    /// use exeat::{ExternalApi, testkit::FakeIssuer};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let issuer = FakeIssuer::new("https://market.example.com", "loyalty-api");
    /// let gate = issuer.connect(ExternalApi::new("https://market.example.com", "loyalty-api")).build().await?;
    /// // Strangers cannot make an API hammer its issuer.
    /// for _ in 0..100 {
    ///     gate.verifier().verify(&issuer.token().signed_by_stranger().mint()).await.unwrap_err();
    /// }
    /// assert_eq!(issuer.key_set_requests(), 1 + 2);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn key_set_requests(&self) -> usize {
        self.state().asked_for_keys
    }

    /// How often metadata was asked for.
    #[must_use]
    pub fn metadata_requests(&self) -> usize {
        self.state().asked_for_metadata
    }

    /// The last requests, oldest first; at most 256 are kept.
    #[must_use]
    pub fn requests(&self) -> Vec<Request<()>> {
        self.state().requests.iter().cloned().collect()
    }

    /// The answer to a request; `base` is where the key set is for whoever asks for metadata.
    pub(in crate::testkit) fn answer(&self, request: &Request<()>, base: &str) -> Answer {
        let mut state = self.state();
        if state.requests.len() >= MOST_REQUESTS {
            state.requests.pop_front();
        }
        state.requests.push_back(request.clone());
        let is_metadata = request.uri().path().contains("/.well-known/");
        let scripted = if is_metadata {
            state.asked_for_metadata += 1;
            None
        } else {
            state.asked_for_keys += 1;
            state.script.pop_front()
        };
        let fault = scripted.or_else(|| state.standing.clone());
        // A spoilt answer is a whole one: in a 304 there is nothing to spoil.
        let known = request.headers().get(IF_NONE_MATCH);
        let good = if is_metadata {
            self.metadata(base)
        } else {
            state.key_set_response(known.filter(|_| fault.is_none()))
        };
        let mut answer = match fault {
            Some(fault) => fault.spoil(good),
            None => Answer::whole(good),
        };
        let headers = answer.response.headers_mut();
        for (name, value) in &state.headers {
            headers.insert(name, value.clone());
        }
        answer
    }

    fn metadata(&self, base: &str) -> Response<Bytes> {
        let jwks_uri = format!("{}{JWKS_PATH}", base.trim_end_matches('/'));
        let document = json!({ "issuer": &*self.name, "jwks_uri": jwks_uri });
        let mut response = Response::new(document.to_string().into());
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

impl State {
    /// What is published, or 304 for somebody who has it.
    fn key_set_response(&self, known: Option<&HeaderValue>) -> Response<Bytes> {
        let (set, tag) = match &self.document {
            Some(document) => (document.clone(), None),
            None => (self.keys.key_set(), Some(self.keys.tag())),
        };
        let own = tag.and_then(|tag| HeaderValue::try_from(tag).ok());
        let tag = self.headers.get(ETAG).cloned().or(own);
        let mut response = Response::new(Bytes::new());
        if tag.is_some() && known == tag.as_ref() {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            *response.body_mut() = set.into();
            response.headers_mut().insert(
                CONTENT_TYPE,
                HeaderValue::from_static("application/jwk-set+json"),
            );
        }
        response.headers_mut().extend(tag.map(|tag| (ETAG, tag)));
        response
    }
}

/// In process, without a socket: time that passes is tokio's, which a test may pause.
#[async_trait]
impl HttpGet for FakeIssuer {
    async fn get(&self, request: Request<()>) -> Result<Response<Bytes>, FetchError> {
        let Answer { response, delivery } = self.answer(&request, &self.name);
        match delivery {
            Delivery::Whole => Ok(response),
            Delivery::Never => std::future::pending().await,
            Delivery::Reset => Err(broken("connection reset")),
            Delivery::Truncated => Err(broken("connection closed before the end of the answer")),
            Delivery::Unfolding => Err(FetchError::TooLarge),
            Delivery::SlowHeaders(wait) => {
                tokio::time::sleep(wait).await;
                Ok(response)
            }
            Delivery::DrippingBody(pause) => {
                let bytes = u32::try_from(response.body().len()).unwrap_or(u32::MAX);
                tokio::time::sleep(pause.saturating_mul(bytes)).await;
                Ok(response)
            }
        }
    }
}

fn broken(what: &'static str) -> FetchError {
    FetchError::Transport(what.into())
}

pub(in crate::testkit) const JWKS_PATH: &str = "/jwks";
/// How many requests are kept for [`FakeIssuer::requests`].
const MOST_REQUESTS: usize = 256;
