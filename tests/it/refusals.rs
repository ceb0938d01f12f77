//! What bad input gets: every reason with its status, challenge and body, readable by the page that asked, and not one byte of a token or a
//! session in any answer or log.

use http::StatusCode;

use harness::client::Answer;

mod forged;
mod gate;
mod issuer;

/// The page that may call.
const SHOP: &str = "https://shop.example";

/// The body is RFC 9457 with our `code`, the issuer's with the request's id as well, and nothing else.
fn assert_problem(answer: &Answer, status: StatusCode, code: &str) -> anyhow::Result<()> {
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (status, code),
        "{}",
        answer.text()
    );
    assert_eq!(
        answer.header("content-type"),
        "application/problem+json",
        "{code}"
    );
    let body: serde_json::Map<String, serde_json::Value> = answer.json()?;
    let mut members: Vec<_> = body.keys().map(String::as_str).collect();
    members.sort_unstable();
    members.retain(|member| *member != "request_id");
    assert_eq!(members, ["code", "status", "title", "type"], "{code}");
    assert_eq!(body.get("status"), Some(&status.as_u16().into()), "{code}");
    assert_eq!(answer.header("cache-control"), "no-store", "{code}");
    Ok(())
}
