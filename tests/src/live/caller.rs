use std::sync::{Arc, atomic::Ordering};

use anyhow::Context as _;
use bytes::Bytes;
use exeat::testkit::TokenDraft;
use exeat_jose::KeyId;
use http::Request;
use http_body_util::Full;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::time::{sleep, timeout};

use super::{Kind, Pace, Stage, report::Call};
use crate::{DEADLINE, client::Answer};

/// Half of the calls are as they should be, and every kind of bad one is among the rest.
const MIX: [Kind; 10] = [
    Kind::Current,
    Kind::BadSignature,
    Kind::Current,
    Kind::JustPublished,
    Kind::Current,
    Kind::UnknownKey,
    Kind::Current,
    Kind::Expired,
    Kind::Current,
    Kind::WrongAudience,
];

/// Calls until the run is over. Every token is a new one.
pub(super) async fn run(stage: Arc<Stage>, number: usize) -> anyhow::Result<()> {
    let connection = Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(1)
        .build_http::<Full<Bytes>>();
    for kind in MIX.iter().copied().cycle().skip(number) {
        if stage.is_over() {
            break;
        }
        let called = call(&stage, &connection, kind).await;
        if called.is_err() {
            // Nobody waits for this caller any more.
            stage.is_over.store(true, Ordering::SeqCst);
        }
        if let Some(made) = stage.calls.get(number) {
            made.fetch_add(1, Ordering::SeqCst);
        }
        stage.called.notify_one();
        called?;
        if let Pace::Real { pause, .. } = stage.plan.pace {
            sleep(pause).await;
        }
    }
    Ok(())
}

async fn call(
    stage: &Stage,
    connection: &Client<HttpConnector, Full<Bytes>>,
    kind: Kind,
) -> anyhow::Result<()> {
    let key = match kind {
        Kind::JustPublished => stage.just_published(),
        _ => stage.issuer.active_key(),
    };
    let token = draft(stage, kind, &key);
    let call = Call {
        kind,
        // Asked before the call: what the gate learns in between may only help.
        is_held: holds(stage, &key),
        is_down: stage.is_down.load(Ordering::SeqCst),
        key,
    };
    let request = Request::get(stage.api.url())
        .header("authorization", token.bearer())
        .body(Full::default())?;
    let answered = async { Answer::read(connection.request(request).await?).await };
    let answer = timeout(DEADLINE, answered)
        .await
        .context("no answer before the deadline")??;
    let now = stage.now();
    stage.report().answered(&call, &answer, now);
    Ok(())
}

fn draft(stage: &Stage, kind: Kind, key: &KeyId) -> TokenDraft {
    let good = stage.issuer.token().signed_with(key);
    match kind {
        Kind::Current | Kind::JustPublished => good,
        Kind::BadSignature => good.with_wrong_key(),
        Kind::UnknownKey => good.signed_by_stranger(),
        Kind::Expired => good.expired(),
        Kind::WrongAudience => good.for_audience("another-api"),
    }
}

fn holds(stage: &Stage, wanted: &KeyId) -> bool {
    let health = stage.gate.health();
    let mut keys = health.issuers.iter().flat_map(|issuer| &issuer.keys);
    keys.any(|key| key.kid.as_deref() == Some(wanted.as_str()))
}
