//! `exeat sample-api`

use clap::{Args as ClapArgs, ValueEnum};

/// `sample-api`. Values are texts here: they are checked together, so that one run names every problem.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  exeat sample-api --issuer http://127.0.0.1:8080 --audience loyalty-api
  exeat sample-api --issuer https://market.example.com \\
      --audience loyalty-api --tenant acme,north --listen 0.0.0.0:8082 \\
      --origin https://market.example.com,https://*.market.example.com
  exeat sample-api --issuer https://login.example.com \\
      --audience https://api.example.com --profile rfc9068 --alg RS256
  exeat sample-api --issuer https://market.example.com --profile appdirect \\
      --jwks-uri https://market.example.com/keys \\
      --tenant '*' --origin https://market.example.com

  curl -H \"Authorization: Bearer $TOKEN\" http://127.0.0.1:8082/whoami

Routes:
  GET  /whoami   the verified claims as JSON
  POST /echo     the body, at most 64 KiB, with its content type
  GET  /public   asks for no token
  GET  /livez    200 as long as the process answers
  GET  /readyz   200 when tokens can be verified; else 503: keys cold or expired
  GET  /healthz  the issuer's keys: held, refused and why, ages, uses, errors
  GET  /metrics  counts and times for Prometheus; asks for no token
Every other path is behind the gate: without a token it is a 401, with one a
404. The same CORS policy holds for all paths but the last four, /public
included: a page of an origin that is not listed gets a 403.

It starts without the issuer and answers 503 until the keys are there. SIGTERM
and Ctrl-C let requests in flight finish, for at most 10 seconds. A list can be
given with commas or by repeating the option. Wrong options are exit code 2, all
of them named.")]
pub(crate) struct SampleApiArgs {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8082")]
    pub(crate) listen: String,
    /// The expected claim iss; its metadata names the keys. https, or http on this machine. Required
    #[arg(long, value_name = "URL")]
    pub(crate) issuer: Option<String>,
    /// Where the keys are, instead of the issuer's metadata
    #[arg(long, value_name = "URL")]
    pub(crate) jwks_uri: Option<String>,
    /// The expected claim aud. Required, except with --profile appdirect
    #[arg(long, value_name = "AUD")]
    pub(crate) audience: Option<String>,
    /// The form of the tokens
    #[arg(long, value_name = "PROFILE", default_value = "exeat")]
    pub(crate) profile: String,
    /// Tenants that are served; '*' is any. Required with --profile appdirect, else tenants are not looked at
    #[arg(long = "tenant", value_name = "T", value_delimiter = ',')]
    pub(crate) tenants: Vec<String>,
    /// Algorithms that are accepted
    #[arg(long = "alg", value_name = "ALG", value_delimiter = ',', default_values = ["RS256", "ES256"])]
    pub(crate) algs: Vec<String>,
    /// How far the clocks of issuer and API may be apart: 0s to 5m, whole seconds
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub(crate) leeway: String,
    /// Origins whose pages may call; without one every foreign Origin is refused
    #[arg(long = "origin", value_name = "ORIGIN", value_delimiter = ',')]
    pub(crate) origins: Vec<String>,
    /// Methods that those pages may use, all of them
    #[arg(long = "method", value_name = "METHOD", value_delimiter = ',', default_values = ["GET", "HEAD", "POST"])]
    pub(crate) methods: Vec<String>,
    /// Request headers that those pages may set, all of them: without authorization no page can send a token in it
    #[arg(long = "header", value_name = "NAME", value_delimiter = ',', default_values = ["authorization", "content-type"])]
    pub(crate) headers: Vec<String>,
    /// omit, or include for pages that set withCredentials [default: omit; include with --profile appdirect]
    #[arg(long, value_name = "MODE")]
    pub(crate) credentials: Option<String>,
    /// Lifetime of a key set whose answer names none: 1m to 1h
    #[arg(long, value_name = "TIME", default_value = "10m")]
    pub(crate) jwks_lifetime: String,
    /// How long after its lifetime a key set is used while the issuer cannot be reached: 0s to 24h; 0s for high-risk APIs
    #[arg(long, value_name = "TIME", default_value = "1h")]
    pub(crate) jwks_max_stale: String,
    /// Time after which an unknown key id may cause one more fetch: 1s to 5m
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub(crate) jwks_cooldown: String,
    /// Total time of one fetch: 10ms to 30s
    #[arg(long, value_name = "TIME", default_value = "5s")]
    pub(crate) jwks_timeout: String,
    /// Fetch keys over plain http from any host: whoever can touch that traffic can sign tokens
    #[arg(long)]
    pub(crate) allow_insecure_http: bool,
}

/// The form of the tokens.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum ProfileArg {
    /// iss and aud are required
    Exeat,
    /// An access token of RFC 9068
    Rfc9068,
    /// iss and aud may be absent; MP-Authorization is read too
    #[value(name = "appdirect")]
    AppDirect,
}
