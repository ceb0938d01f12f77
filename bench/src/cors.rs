//! The CORS decision alone, without the response that follows from it.

use anyhow::ensure;
use exeat_cors::{Decision, Policy, PolicyConfig, Refusal, decide};
use http::{HeaderMap, HeaderValue, Method, header};

use crate::rounds::Case;

/// How many origins the policies of the table list.
pub const ORIGINS: [usize; 2] = [1, 10_000];

/// What a request asks of a policy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ask {
    /// A call from a page that may.
    Allowed,
    /// A call from a page that may not.
    Denied,
    /// The question before a call, with two headers.
    Preflight,
}

impl Ask {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Allowed, Self::Denied, Self::Preflight];

    /// Its part of a figure's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Preflight => "preflight",
        }
    }

    /// The request of a page: its method and its headers.
    ///
    /// # Errors
    /// The origin is no header value.
    pub fn request(self, origin: &str) -> anyhow::Result<(Method, HeaderMap)> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("api.example.com"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(header::ORIGIN, HeaderValue::from_str(origin)?);
        if self != Self::Preflight {
            return Ok((Method::GET, headers));
        }
        headers.insert(
            header::ACCESS_CONTROL_REQUEST_METHOD,
            HeaderValue::from_static("POST"),
        );
        headers.insert(
            header::ACCESS_CONTROL_REQUEST_HEADERS,
            HeaderValue::from_static("authorization,content-type"),
        );
        Ok((Method::OPTIONS, headers))
    }

    /// What the policy is to say.
    fn is(self, decision: &Decision) -> bool {
        matches!(
            (self, decision),
            (Self::Allowed, Decision::Cors(_))
                | (Self::Denied, Decision::Refuse(Refusal::OriginNotAllowed))
                | (Self::Preflight, Decision::Preflight { .. })
        )
    }
}

/// The origin of this number. All have the same length.
#[must_use]
pub fn origin(number: usize) -> String {
    format!("https://shop-{number:05}.example.com")
}

/// A policy that lists this many of them.
///
/// # Errors
/// None.
pub fn policy(origins: usize) -> anyhow::Result<Policy> {
    let config = PolicyConfig {
        origins: (0..origins).map(origin).collect(),
        ..PolicyConfig::default()
    };
    Ok(Policy::try_from(config)?)
}

/// The requests that a case takes turns with: few, so that the size of the policy is measured and not that of the requests.
///
/// # Errors
/// None.
pub fn requests(ask: Ask, origins: usize) -> anyhow::Result<Vec<(Method, HeaderMap)>> {
    const FEW: usize = 64;
    (0..FEW)
        .map(|number| match ask {
            Ask::Denied => ask.request(&origin(99_999 - number)),
            // Spread over the whole list.
            _ => ask.request(&origin(number * origins / FEW)),
        })
        .collect()
}

/// Each question to each size of policy.
///
/// # Errors
/// A decision is not what it should be.
pub fn cases<'c>() -> anyhow::Result<Vec<Case<'c>>> {
    let mut cases = Vec::new();
    for origins in ORIGINS {
        for ask in Ask::ALL {
            let policy = policy(origins)?;
            let requests = requests(ask, origins)?;
            for (method, headers) in &requests {
                let decision = decide(&policy, method, headers);
                ensure!(ask.is(&decision), "{ask:?}: {decision:?}");
            }
            let name = format!("cors.{}.{origins}.exeat", ask.name());
            cases.push(Case::new(name, requests.len(), move |index| {
                let (method, headers) = requests.get(index)?;
                Some(decide(&policy, method, headers))
            }));
        }
    }
    ensure!(!cases.is_empty(), "no case");
    Ok(cases)
}
