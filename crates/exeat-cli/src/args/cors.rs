//! `exeat cors …`

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

/// `cors …`
#[derive(Debug, Subcommand)]
pub(crate) enum CorsCommand {
    /// Say what a browser and a CORS policy make of a page's request, and what was nearly right
    Explain(ExplainArgs),
}

/// `cors explain`
#[derive(ClapArgs, Debug)]
#[command(
    group = clap::ArgGroup::new("source").required(true).args(["policy", "config", "allow_origins"]),
    after_help = "\
Examples:
  exeat cors explain --origin https://www.shop.example \\
      --allow-origin https://shop.example
  exeat cors explain --origin https://shop.example --method PUT \\
      --headers authorization,content-type --policy policy.toml
  exeat cors explain --origin https://market.example.com --method POST \\
      --headers content-type --credentials include --config exeat.toml

--allow-origin, --allow-method, --allow-header and --allow-credentials are what
sample-api calls --origin, --method, --header and --credentials. A policy file
(TOML, or JSON if it ends in .json) has the fields of exeat_cors::PolicyConfig:

  origins = [\"https://shop.example\", \"https://*.mp.example\"]
  methods = [\"GET\", \"PUT\"]

With --config it is the policy of the issuer's exchange, all audiences together.

Nothing is sent: the policy decides as it would in the layer, and the browser's
part is computed from the Fetch standard. Where browsers look at the value of a
header it may be given, as in content-type:text/plain; without one, content-type
is application/json. Headers that browsers let no page set, such as Cookie, are
left out and named; with a method such as TRACE nothing is sent at all.
Exit codes: 0 allowed, 1 refused or blocked, 2 wrong arguments or policy."
)]
pub(crate) struct ExplainArgs {
    /// The page's origin, as the browser's address bar or its console has it
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) origin: String,
    /// The method that the page uses
    #[arg(long, value_name = "METHOD", default_value = "GET")]
    pub(crate) method: String,
    /// The request headers that the page sets
    #[arg(long, value_name = "NAME[:VALUE]", value_delimiter = ',')]
    pub(crate) headers: Vec<String>,
    /// The page's credentials mode: include is withCredentials
    #[arg(long, value_enum, value_name = "MODE", default_value_t)]
    pub(crate) credentials: Mode,
    /// A file with the policy
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// The issuer's configuration
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The policy: origins whose pages may call
    #[arg(long = "allow-origin", value_name = "ORIGIN", value_delimiter = ',')]
    pub(crate) allow_origins: Vec<String>,
    /// The policy: methods that those pages may use, all of them [default: GET,HEAD,POST]
    #[arg(
        long = "allow-method",
        value_name = "METHOD",
        value_delimiter = ',',
        requires = "allow_origins"
    )]
    pub(crate) allow_methods: Vec<String>,
    /// The policy: request headers that those pages may set, all of them [default: authorization,content-type]
    #[arg(
        long = "allow-header",
        value_name = "NAME",
        value_delimiter = ',',
        requires = "allow_origins"
    )]
    pub(crate) allow_headers: Vec<String>,
    /// The policy: include for pages that set withCredentials [default: omit]
    #[arg(long, value_enum, value_name = "MODE", requires = "allow_origins")]
    pub(crate) allow_credentials: Option<Mode>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Credentials, asked for or allowed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(crate) enum Mode {
    /// None
    #[default]
    Omit,
    /// Cookies and the like
    Include,
}

impl From<Mode> for exeat_cors::Credentials {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Omit => Self::Omit,
            Mode::Include => Self::Include,
        }
    }
}
