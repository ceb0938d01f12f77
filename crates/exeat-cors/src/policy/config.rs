//! What an operator writes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A policy as written down, in code or in a configuration file; [`Policy::try_from`](crate::Policy) checks it.
///
/// In a file every field may be left out, and an unknown one is an error.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyConfig {
    /// Who may call: [`OriginPattern`](crate::OriginPattern)s. Default: none, which is an error; see
    /// [`Policy::deny_all`](crate::Policy::deny_all).
    pub origins: Vec<String>,
    /// The API's own origins, exact: a same-origin `POST` carries `Origin` too, passes, and is not shared. Default: none. Never taken from
    /// `Host`, which a rebinding attacker or a proxy chooses.
    pub own_origins: Vec<String>,
    /// Methods, case-sensitive. Default: GET, HEAD, POST.
    pub methods: Vec<String>,
    /// Request headers a page may set. `*` is every header but `authorization`, which must be named beside it (Fetch
    /// `#cors-non-wildcard-request-header-name`). Default: authorization, content-type.
    pub request_headers: Vec<String>,
    /// Response headers a page may read besides the seven of Fetch `#cors-safelisted-response-header-name`. Default: WWW-Authenticate,
    /// Date, Retry-After, X-Request-Id.
    pub expose_headers: Vec<String>,
    /// How long a browser may keep a preflight's answer: whole seconds from 0 (not at all) to [`MAX_MAX_AGE`](crate::MAX_MAX_AGE);
    /// `max_age_secs` in a file. Default: 7200. Long is safe, because actual requests are checked again.
    #[serde(rename = "max_age_secs", with = "seconds")]
    pub max_age: Duration,
    /// Default: [`Credentials::Omit`]. A bearer token in a header is no "credential" here and does not need it.
    pub credentials: Credentials,
    /// Default: [`Enforcement::Enforce`].
    pub enforcement: Enforcement,
    /// Default: [`RequireOrigin::WhenBrowser`].
    pub require_origin: RequireOrigin,
    /// Default: [`FetchMetadata::Narrow`].
    pub fetch_metadata: FetchMetadata,
    /// Origins by tenant, each covered by `origins`; for [`Policy::tenant_allows`](crate::Policy::tenant_allows). Default: none, tenants are
    /// not bound to origins.
    pub tenants: BTreeMap<String, Vec<String>>,
    /// Default: [`ExtensionOrigins::TenantList`].
    pub extension_origins: ExtensionOrigins,
    /// The tenants there are. If given, `tenants` may name no other. Default: none, not checked.
    pub known_tenants: Vec<String>,
    /// Accept `http` origins beyond loopback although credentials are included: anybody on the network path can then act as that page.
    /// Default: false.
    pub danger_insecure_origins: bool,
    /// Accept a wildcard over a public suffix, such as `https://*.github.io`: strangers can register matching names. Default: false.
    pub danger_public_suffixes: bool,
    /// Accept exact origins whose host ends in a dot; to browsers they are other origins than those without. Default: false.
    pub danger_trailing_dots: bool,
}

impl Default for PolicyConfig {
    fn default() -> Self {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        Self {
            origins: Vec::new(),
            own_origins: Vec::new(),
            methods: owned(&["GET", "HEAD", "POST"]),
            request_headers: owned(&["authorization", "content-type"]),
            expose_headers: owned(&["www-authenticate", "date", "retry-after", "x-request-id"]),
            max_age: DEFAULT_MAX_AGE,
            credentials: Credentials::default(),
            enforcement: Enforcement::default(),
            require_origin: RequireOrigin::default(),
            fetch_metadata: FetchMetadata::default(),
            tenants: BTreeMap::new(),
            extension_origins: ExtensionOrigins::default(),
            known_tenants: Vec::new(),
            danger_insecure_origins: false,
            danger_public_suffixes: false,
            danger_trailing_dots: false,
        }
    }
}

/// Does `Access-Control-Allow-Credentials: true` go out (Fetch `#http-access-control-allow-credentials`)?
///
/// Only for exact origins and `https` wildcards, whatever is set here: not for port wildcards, whole classes of extensions or `*`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Credentials {
    /// No. A page that calls with `credentials: 'include'` cannot read the answer.
    #[default]
    Omit,
    /// Yes, for pages that set `withCredentials`.
    Include,
}

/// What happens to an actual request that the policy refuses.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Enforcement {
    /// It is answered without the handler.
    #[default]
    Enforce,
    /// The handler runs, the response is not shared, and the refusal is logged: for trying a policy out. A preflight is answered alike in
    /// both modes, since an answer without headers fails in the browser anyway.
    ///
    /// Only what the policy itself refuses is let through. Whoever binds tenants to origins ([`Policy::tenant_allows`](crate::Policy::tenant_allows))
    /// refuses in this mode too, as the gate of crate `exeat` does: the tenant comes from a verified token, so a mismatch is no forgotten
    /// origin but another tenant's page, and fails closed.
    ReportOnly,
}

/// Must a request have an `Origin`? Servers and command lines send none, and browsers send none with a same-origin GET or HEAD, nor where an
/// extension has permission for the host. A request that has one is judged by it, whatever is set here.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequireOrigin {
    /// No. A request that a proxy has robbed of its `Origin` is then judged by its token alone.
    Never,
    /// If the browser says that another origin's page sent it (`Sec-Fetch-Site` is `cross-site` or `same-site`), else 403 `fetch_metadata`.
    /// Not asked where [`FetchMetadata`] is not read.
    #[default]
    WhenBrowser,
    /// Yes, else 403 `origin_required`: nobody but pages of other origins may call.
    Always,
}

/// What happens to a request of which the browser says that a page of another origin links to it, embeds it as an image, a script or a
/// frame, or sends it as a form (`Sec-Fetch-Site`, `Sec-Fetch-Mode`, `Sec-Fetch-Dest`)?
///
/// No program reads the answer to such a request, but its page learns whether it failed and how long it took, and the user's browser may add
/// to it what the page does not have. A request without these headers is judged by its `Origin`, and none is let in because of them.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FetchMetadata {
    /// It is refused: 403 `fetch_metadata`. Not under a policy of `*`, whose data is public, and is linked to and embedded as such.
    ///
    /// Only with this does `Origin: null` ever pass: unshared, where the browser says that no other page sent the request.
    #[default]
    Narrow,
    /// The headers are not read: for pages and images that other sites may link to and embed.
    Ignore,
}

/// Which tenants' tokens may be used from a browser extension, where `tenants` binds tokens to origins?
///
/// Extensions of Firefox and Safari can only be listed as a class, because their ids differ in every installation.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExtensionOrigins {
    /// Those of tenants whose own list covers it, as with any other origin. That it is in `origins` is not enough.
    #[default]
    TenantList,
    /// Those of every tenant that is named, from every extension that `origins` covers.
    TenantAny,
}

mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(duration.as_secs())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_secs)
    }
}

/// What Chromium keeps at most; Firefox keeps 24 h, Safari 10 min.
const DEFAULT_MAX_AGE: Duration = Duration::from_hours(2);
