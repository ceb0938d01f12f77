//! tower-http's `CorsLayer` over a service that answers at once: layer and response, since it has no decision to be called alone.

use std::convert::Infallible;

use anyhow::{Context as _, ensure};
use bench::{
    cors::{Ask, ORIGINS, origin, requests},
    gate::at_once,
    rounds::Case,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use tower::{Layer as _, Service as _, service_fn};
use tower_http::cors::CorsLayer;

pub fn cases<'c>() -> anyhow::Result<Vec<Case<'c>>> {
    let mut cases = Vec::new();
    for origins in ORIGINS {
        let allowed: Vec<HeaderValue> = (0..origins)
            .map(|number| Ok(origin(number).parse()?))
            .collect::<anyhow::Result<_>>()?;
        let layer = CorsLayer::new()
            .allow_origin(allowed)
            .allow_methods([Method::GET, Method::HEAD, Method::POST])
            .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE]);
        let hello = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(())));
        let mut service = layer.layer(hello);
        let requests = requests(Ask::Allowed, origins)?;
        let mut call = move |(method, headers): &(Method, HeaderMap)| {
            let mut request = Request::new(());
            request.method_mut().clone_from(method);
            request.headers_mut().clone_from(headers);
            at_once(service.call(request))
        };
        let response = call(&requests[0]).context("it waits")??;
        ensure!(
            response
                .headers()
                .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN)
        );
        let name = format!("cors.allowed.{origins}.tower-http");
        cases.push(Case::new(name, requests.len(), move |index| {
            call(&requests[index])
        }));
    }
    Ok(cases)
}
