//! The command line. Secrets are never arguments: every user of the machine can read those.

mod cors;
mod mint;
mod sample_api;

use std::{path::PathBuf, time::Duration};

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use url::Url;

pub(crate) use self::{
    cors::{CorsCommand, ExplainArgs, Mode},
    mint::{MintArgs, SIGNING},
    sample_api::{ProfileArg, SampleApiArgs},
};

/// Default ports of the demo: unlikely to be taken and easy to type.
const DEMO_PORTS: [u16; 3] = [8700, 8701, 8702];

/// Everything that can be asked of the binary.
#[derive(Debug, Parser)]
#[command(
    name = "exeat",
    version,
    about = "Exchanges a marketplace session for a short-lived signed token, and shows an API that checks it",
    after_help = "\
Examples:
  exeat demo                               see the whole flow in a browser
  exeat serve --config exeat.toml          run the issuer service
  exeat check-config --config exeat.toml   find every mistake before it starts

Data goes to stdout, logs and errors to stderr.
Exit codes: 0 done, 1 failed, 2 wrong arguments or configuration."
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) logs: LogArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The part of every help, after the command's own options, that has the options of all commands.
const LOGS: &str = "Logs, on stderr";

/// What goes to stderr.
#[derive(ClapArgs, Debug)]
pub(crate) struct LogArgs {
    /// Which events to log, for example `info` or `exeat=debug,info`
    #[arg(
        long = "log",
        global = true,
        help_heading = LOGS,
        env = "EXEAT_LOG",
        value_name = "FILTER",
        default_value = "info"
    )]
    pub(crate) filter: String,
    /// How to write them
    #[arg(
        long = "log-format",
        global = true,
        help_heading = LOGS,
        env = "EXEAT_LOG_FORMAT",
        value_enum,
        value_name = "FORMAT",
        default_value_t
    )]
    pub(crate) format: LogFormat,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum LogFormat {
    /// One line a person can read
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the whole flow in a browser: marketplace, API and a hostile page, all in memory
    Demo(DemoArgs),
    /// Run the issuer service
    Serve(ServeArgs),
    /// Run an external API behind the gate, to try it against any issuer
    SampleApi(SampleApiArgs),
    /// Check a configuration and list every problem; starts nothing
    CheckConfig(CheckArgs),
    /// Ask a server whether it is well: exit code 0 if it answers with a 2xx
    Health(HealthArgs),
    /// Push or revoke sessions through the admin listener
    #[command(subcommand)]
    Session(SessionCommand),
    /// Create, list or publish signing keys
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Look into a token, or make one for tests
    #[command(subcommand)]
    Token(TokenCommand),
    /// Find out why a browser or a CORS policy refuses a page
    #[command(subcommand)]
    Cors(CorsCommand),
}

/// `demo`
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  exeat demo
  exeat demo --port 0 --api-port 0 --hostile-port 0   any free ports

Nothing is written to disk: keys and sessions live in memory and end with the
process.")]
pub(crate) struct DemoArgs {
    /// Port of the marketplace on localhost; 0 takes a free one
    #[arg(long, default_value_t = DEMO_PORTS[0])]
    pub(crate) port: u16,
    /// Port of the external API on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = DEMO_PORTS[1])]
    pub(crate) api_port: u16,
    /// Port of the hostile page on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = DEMO_PORTS[2])]
    pub(crate) hostile_port: u16,
}

/// `serve`
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  exeat serve --config exeat.toml
  EXEAT_SERVER__LISTEN=0.0.0.0:8080 exeat serve --config exeat.toml

Without a token, GET /metrics on the admin listener has counts and times for
Prometheus. Every key of the file outside [[...]] lists can be set by an
environment variable EXEAT_KEY, or EXEAT_TABLE__KEY.
SIGTERM and Ctrl-C let requests in flight finish, for at most 10 seconds.")]
pub(crate) struct ServeArgs {
    /// The configuration, a TOML file; paths in it are relative to it
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

/// `check-config`
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  exeat check-config --config exeat.toml
  exeat check-config exeat.toml && echo fine")]
pub(crate) struct CheckArgs {
    /// The configuration, a TOML file: the same as FILE without the option
    #[arg(long, value_name = "FILE", required_unless_present = "positional")]
    config: Option<PathBuf>,
    /// The configuration, a TOML file; paths in it are relative to it
    #[arg(value_name = "FILE", conflicts_with = "config")]
    positional: Option<PathBuf>,
}

impl CheckArgs {
    /// The file, however it was given. clap has seen to it that there is one.
    pub(crate) fn file(&self) -> &std::path::Path {
        self.config
            .as_deref()
            .or(self.positional.as_deref())
            .unwrap_or_else(|| std::path::Path::new(""))
    }
}

/// `health`
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  exeat health http://127.0.0.1:8080/readyz

In a Dockerfile:
  HEALTHCHECK CMD [\"exeat\", \"health\", \"http://127.0.0.1:8080/readyz\"]")]
pub(crate) struct HealthArgs {
    /// What to GET
    pub(crate) url: Url,
    /// Longest wait, for example 500ms or 3s
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = duration)]
    pub(crate) timeout: Duration,
}

/// `session …`
#[derive(Debug, Subcommand)]
pub(crate) enum SessionCommand {
    /// Add or replace a session; prints the admin listener's answer, with the id if it made one
    Put(PutArgs),
    /// End one session, or all of a subject; prints the admin listener's answer
    Revoke(RevokeArgs),
}

/// Where the admin listener is and who asks.
#[derive(ClapArgs, Debug)]
pub(crate) struct AdminArgs {
    /// The admin listener
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8081")]
    pub(crate) admin_url: Url,
    /// File with the admin token
    #[arg(long, env = "EXEAT_ADMIN_TOKEN_FILE", value_name = "FILE")]
    pub(crate) admin_token_file: PathBuf,
    /// Send the admin token over plain http to a host that is not this one
    #[arg(long)]
    pub(crate) allow_insecure_http: bool,
}

/// `session put`
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  exeat session put --admin-token-file admin.token --subject u-1 \\
      --name ada@example.com --tenant northwind --ttl 1h
  read -rs ID && printf %s \"$ID\" | exeat session put --session-id-stdin \\
      --admin-token-file admin.token --subject u-1 \\
      --name ada@example.com --tenant northwind --ttl 1h

A session id is a secret. It is read from stdin, never from an argument;
without --session-id-stdin one is made.")]
pub(crate) struct PutArgs {
    /// The user: becomes the claim sub
    #[arg(long)]
    pub(crate) subject: String,
    /// The user's name or e-mail: becomes the claim name
    #[arg(long)]
    pub(crate) name: String,
    /// The tenant: becomes the claim tenant
    #[arg(long)]
    pub(crate) tenant: String,
    /// How long the session lives, for example 45s, 30m, 8h or 1d
    #[arg(long, value_name = "TIME", value_parser = whole_seconds)]
    pub(crate) ttl: Duration,
    /// Read the session id from stdin
    #[arg(long)]
    pub(crate) session_id_stdin: bool,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

/// `session revoke`
#[derive(ClapArgs, Debug)]
#[command(
    group = clap::ArgGroup::new("which").required(true).args(["subject", "session_id_stdin"]),
    after_help = "\
Examples:
  exeat session revoke --admin-token-file admin.token --subject u-1
  printf %s \"$ID\" | exeat session revoke --session-id-stdin \\
      --admin-token-file admin.token"
)]
pub(crate) struct RevokeArgs {
    /// End every session of this subject
    #[arg(long)]
    pub(crate) subject: Option<String>,
    /// End the session whose id is on stdin
    #[arg(long)]
    pub(crate) session_id_stdin: bool,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

/// `keys …`
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Create what is missing: an active and a pending key for each algorithm; existing keys stay as they are
    Init(KeysInitArgs),
    /// List the keys as JSON, one object a line; public facts only
    List(KeysListArgs),
    /// Print the public keys as a JWK Set: what the issuer publishes, without an issuer
    ExportPublic(KeysExportArgs),
}

/// `keys init`
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  exeat keys init
  exeat keys init --directory /var/lib/exeat/keys --alg ES256 --alg RS256
  exeat keys init --directory test-keys --alg ES256   keys to test with

A build with ring makes no RSA keys: it prints the openssl command that does.")]
pub(crate) struct KeysInitArgs {
    /// The key directory; created if it is not there
    #[arg(long, value_name = "DIR", default_value = "keys")]
    pub(crate) directory: PathBuf,
    /// Algorithms to have keys for: ES256, RS256
    #[arg(long = "alg", value_name = "ALG", default_values = ["ES256", "RS256"], value_delimiter = ',', value_parser = algorithm)]
    pub(crate) algs: Vec<exeat_jose::Algorithm>,
}

/// `keys list`
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  exeat keys list
  exeat keys list --directory /var/lib/exeat/keys")]
pub(crate) struct KeysListArgs {
    /// The key directory
    #[arg(long, value_name = "DIR", default_value = "keys")]
    pub(crate) directory: PathBuf,
}

/// `keys export-public`
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  exeat keys export-public > jwks.json
  exeat keys export-public --directory test-keys > jwks.json
  exeat token inspect --jwks jwks.json --issuer https://market.example.com \\
      --audience loyalty-api < token.jwt

Active, pending and retiring keys, in the order in which the issuer publishes
them. Private files are not opened.")]
pub(crate) struct KeysExportArgs {
    /// The key directory
    #[arg(long, value_name = "DIR", default_value = "keys")]
    pub(crate) directory: PathBuf,
}

/// `token …`
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Print header and claims of a token as JSON, and whether its signature was checked
    Inspect(InspectArgs),
    /// Sign claims and print the token: for the tests of an API, without an issuer
    Mint(MintArgs),
}

/// `token inspect`
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Examples:
  exeat token inspect < token.jwt        shows what the token says: UNVERIFIED
  exeat token inspect --file token.jwt --issuer https://market.example.com \\
      --audience loyalty-api
  exeat token inspect --jwks keys.json --issuer https://market.example.com \\
      --audience loyalty-api < token.jwt

A token is a secret. It is read from stdin or a file, never from an argument,
and its signature is never printed. With --issuer and --audience the token is
verified: by the keys in --jwks, else by those the issuer publishes.")]
pub(crate) struct InspectArgs {
    /// File with the token; stdin without it
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Verify: the expected claim iss
    #[arg(long, value_name = "URL", requires = "audience")]
    pub(crate) issuer: Option<String>,
    /// Verify: the expected claim aud
    #[arg(long, value_name = "AUD", requires = "issuer")]
    pub(crate) audience: Option<String>,
    /// Verify with these keys: a file or a URL
    #[arg(long, value_name = "FILE|URL", requires = "issuer")]
    pub(crate) jwks: Option<String>,
}

/// Digits and a unit (ms, s, m, h, d); at least 1 ms.
fn duration(text: &str) -> Result<Duration, String> {
    duration_or_none(text)
        .ok()
        .filter(|time| !time.is_zero())
        .ok_or_else(|| not_a_time(text))
}

/// The same, where no time at all is a choice too.
pub(crate) fn duration_or_none(text: &str) -> Result<Duration, String> {
    let wrong = || not_a_time(text);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let unit_in_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    let total = number.checked_mul(unit_in_ms).ok_or_else(wrong)?;
    Ok(Duration::from_millis(total))
}

fn not_a_time(text: &str) -> String {
    format!("{text:?} is not a time; write for example 500ms, 45s, 30m, 8h or 1d")
}

/// The same for a protocol that counts seconds: a part of one is refused, not lost.
fn whole_seconds(text: &str) -> Result<Duration, String> {
    let time = duration(text)?;
    if time.subsec_millis() == 0 {
        Ok(time)
    } else {
        Err(format!("{text:?} is not a whole number of seconds"))
    }
}

/// The algorithms that audiences can be given.
fn algorithm(name: &str) -> Result<exeat_jose::Algorithm, String> {
    use exeat_jose::Algorithm::{Es256, Rs256};
    let known = [Es256, Rs256].into_iter().find(|alg| alg.name() == name);
    known.ok_or_else(|| format!("{name:?} is no algorithm of an audience; write ES256 or RS256"))
}

#[cfg(test)]
mod tests;
