//! `POST /graphql` and its aliases: AppDirect's dialect.

use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::{
    Context, EmptyMutation, EmptySubscription, Object, Request as Document, Schema, SimpleObject,
    Variables,
    parser::{
        parse_query,
        types::{ExecutableDocument, Selection, SelectionSet},
    },
};
use axum::{body::Body, extract::Request, response::Response};
use exeat_cors::Decision;
use http::{StatusCode, request::Parts};
use serde::{Deserialize, Serialize};

use super::{
    answer::{self, RequestId},
    token::preflight,
};
use crate::{
    exchange::{Admitted, Door, ExchangeRequest, Refused},
    issuer::Service,
};

/// Deepest nesting of fields; the token's own are at 2.
const MAX_DEPTH: usize = 4;
/// Most fields of a document, however they are aliased.
const MAX_FIELDS: usize = 12;
/// Most directives on one field.
const MAX_DIRECTIVES: usize = 2;
/// Most fragment spreads of a document. Spreads multiply: fragments that spread each other twice, 30 deep, are a billion fields in a
/// kilobyte, and the library's own checks walk each of them. The worst use of 8 is 18.
const MAX_SPREADS: usize = 8;
/// Deepest nesting of brackets, checked before the recursive parser runs.
const MAX_BRACKETS: usize = 16;
const TOKEN_FIELD: &str = "userExternalServiceAuthenticationToken";

/// The schema of the service.
pub(crate) struct TokenSchema(Schema<Query, EmptyMutation, EmptySubscription>);

impl TokenSchema {
    pub(crate) fn new() -> Self {
        Self(
            Schema::build(Query, EmptyMutation, EmptySubscription)
                .limit_depth(MAX_DEPTH)
                .limit_complexity(MAX_FIELDS)
                .limit_directives(MAX_DIRECTIVES)
                .disable_introspection()
                .disable_suggestions()
                .finish(),
        )
    }
}

struct Query;

#[Object]
impl Query {
    /// A token for an external API, made from the session of this request.
    async fn user_external_service_authentication_token(
        &self,
        context: &Context<'_>,
        audience: Option<String>,
        scope: Option<String>,
    ) -> async_graphql::Result<ExternalToken> {
        let turn = context.data::<Arc<Turn>>()?;
        turn.exchange(audience, scope).await.map_err(|refused| {
            turn.set(Outcome::Refused(refused));
            refused.title().into()
        })
    }
}

#[derive(SimpleObject)]
struct ExternalToken {
    token: String,
    /// Seconds.
    expires_in: u64,
    /// Seconds since 1970.
    issued_at: u64,
    audience: Option<String>,
}

/// One admitted request, good for one exchange.
struct Turn {
    service: Arc<Service>,
    outcome: Mutex<Outcome>,
}

enum Outcome {
    Waiting(Admitted),
    /// Taken by the token field.
    Running,
    Refused(Refused),
}

impl Turn {
    async fn exchange(
        &self,
        audience: Option<String>,
        scope: Option<String>,
    ) -> Result<ExternalToken, Refused> {
        let Outcome::Waiting(admitted) = self.set(Outcome::Running) else {
            return Err(Refused::InvalidRequest("one token in one request"));
        };
        let request = ExchangeRequest {
            audience,
            scope,
            ..ExchangeRequest::default()
        };
        let issued = self.service.exchange.issue(admitted, request).await?;
        Ok(ExternalToken {
            expires_in: issued.life.expires_in().as_secs(),
            issued_at: issued.life.issued_at.as_secs(),
            audience: Some(issued.audience),
            token: issued.token.into_string(),
        })
    }

    fn set(&self, next: Outcome) -> Outcome {
        std::mem::replace(
            &mut *self.outcome.lock().unwrap_or_else(PoisonError::into_inner),
            next,
        )
    }
}

/// A GraphQL request over HTTP. `extensions` and the like are left unread.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    query: String,
    operation_name: Option<String>,
    variables: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct Success {
    data: async_graphql::Value,
}

#[derive(Serialize)]
struct Failure<'a> {
    errors: [FailureError<'a>; 1],
    data: Option<()>,
}

#[derive(Serialize)]
struct FailureError<'a> {
    message: &'a str,
    extensions: Extensions<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Extensions<'a> {
    code: String,
    reason: &'a str,
    trace_id: &'a str,
}

pub(super) async fn answer(
    service: Arc<Service>,
    door: Door,
    id: RequestId,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let decision = service.exchange.decide(&parts.method, &parts.headers);
    if let Some(preflight) = preflight(&decision, &service) {
        return preflight;
    }
    let run = run(&service, door, &parts, &decision, body);
    let mut response = match service.exchange.observed(run).await {
        Ok(data) => answer::json(StatusCode::OK, &Success { data }),
        Err(refused) => failure(refused, &id),
    };
    answer::no_store(&mut response);
    decision.finish(&service.exchange.policy, response.headers_mut());
    response
}

async fn run(
    service: &Arc<Service>,
    door: Door,
    parts: &Parts,
    decision: &Decision,
    body: Body,
) -> Result<async_graphql::Value, Refused> {
    let body = answer::read_body(body).await?;
    let admitted = service.exchange.admit(parts, decision, door)?;
    let document = parse(&body)?;
    let turn = Arc::new(Turn {
        service: Arc::clone(service),
        outcome: Mutex::new(Outcome::Waiting(admitted)),
    });
    let response = service
        .graphql
        .0
        .execute(document.data(Arc::clone(&turn)))
        .await;
    match turn.set(Outcome::Running) {
        Outcome::Refused(refused) => Err(refused),
        // Validation refused the document, or nothing in it was the token.
        Outcome::Waiting(_) => Err(Refused::InvalidRequest(
            "ask for one userExternalServiceAuthenticationToken, in a valid query",
        )),
        Outcome::Running if response.errors.is_empty() => Ok(response.data),
        Outcome::Running => Err(Refused::InvalidRequest("the query cannot be answered")),
    }
}

/// The body as a document that asks for a token at most once.
fn parse(body: &[u8]) -> Result<Document, Refused> {
    let envelope: Envelope = answer::object(body).ok_or(Refused::InvalidRequest(
        "the body is not one GraphQL request; batches are not taken",
    ))?;
    if bracket_depth(&envelope.query) > MAX_BRACKETS {
        return Err(Refused::InvalidRequest("the query is nested too deep"));
    }
    let document = parse_query(&envelope.query)
        .map_err(|_| Refused::InvalidRequest("the query is not GraphQL"))?;
    let selections = selections(&document);
    let count = |is: fn(&Selection) -> bool| selections.iter().filter(|one| is(one)).count();
    if count(is_token_field) > 1 {
        return Err(Refused::InvalidRequest("one token in one request"));
    }
    if count(is_spread) > MAX_SPREADS {
        return Err(Refused::InvalidRequest("the query spreads too often"));
    }
    let mut request = Document::new(envelope.query);
    request.set_parsed_query(document);
    if let Some(name) = envelope.operation_name {
        request = request.operation_name(name);
    }
    if let Some(variables) = envelope.variables {
        request = request.variables(Variables::from_json(variables));
    }
    Ok(request)
}

/// Brackets inside strings count too: a query with that many has no place here either.
fn bracket_depth(query: &str) -> usize {
    let step = |(depth, deepest): (usize, usize), byte| {
        let depth = match byte {
            b'{' | b'[' | b'(' => depth + 1,
            b'}' | b']' | b')' => depth.saturating_sub(1),
            _ => depth,
        };
        (depth, deepest.max(depth))
    };
    query.bytes().fold((0, 0), step).1
}

/// Every selection that is written in the document, each once.
fn selections(document: &ExecutableDocument) -> Vec<&Selection> {
    let operations = document
        .operations
        .iter()
        .map(|(_, operation)| &operation.node.selection_set.node);
    let fragments = document
        .fragments
        .values()
        .map(|fragment| &fragment.node.selection_set.node);
    let mut found = Vec::new();
    for set in operations.chain(fragments) {
        collect(set, &mut found);
    }
    found
}

/// The parser bounds this recursion.
fn collect<'d>(set: &'d SelectionSet, found: &mut Vec<&'d Selection>) {
    for item in &set.items {
        found.push(&item.node);
        match &item.node {
            Selection::Field(field) => collect(&field.node.selection_set.node, found),
            Selection::InlineFragment(fragment) => {
                collect(&fragment.node.selection_set.node, found);
            }
            Selection::FragmentSpread(_) => {}
        }
    }
}

fn is_token_field(selection: &Selection) -> bool {
    matches!(selection, Selection::Field(field) if field.node.name.node == TOKEN_FIELD)
}

fn is_spread(selection: &Selection) -> bool {
    matches!(selection, Selection::FragmentSpread(_))
}

/// The HTTP status for clients that look at `response.ok`, the errors for those that read GraphQL.
fn failure(refused: Refused, id: &RequestId) -> Response {
    let extensions = Extensions {
        code: refused.graphql_code(),
        reason: refused.code(),
        trace_id: &id.0,
    };
    let body = Failure {
        errors: [FailureError {
            message: refused.title(),
            extensions,
        }],
        data: None,
    };
    let mut response = answer::json(refused.status(), &body);
    answer::refusal_headers(&mut response, refused);
    response
}
