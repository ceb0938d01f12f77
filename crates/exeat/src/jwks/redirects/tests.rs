use super::*;

fn follow(redirects: Redirects, status: u16, location: Option<&str>) -> Result<Option<String>, ()> {
    let mut response = Response::new(());
    *response.status_mut() = status.try_into().unwrap();
    if let Some(location) = location {
        response
            .headers_mut()
            .insert(LOCATION, location.parse().unwrap());
    }
    let uri = Url::parse("https://keys.example/a/b?v=1").unwrap();
    let target = redirects.follow(&uri, &response).map_err(drop)?;
    Ok(target.map(Into::into))
}

#[test]
fn a_redirect_leads_to_the_same_scheme_host_and_port_or_nowhere() {
    for (location, target) in [
        ("https://keys.example/k", Ok("https://keys.example/k")),
        ("https://keys.example:443/k", Ok("https://keys.example/k")),
        ("HTTPS://KEYS.example/k#f", Ok("https://keys.example/k")),
        ("/k?v=2", Ok("https://keys.example/k?v=2")),
        ("k", Ok("https://keys.example/a/k")),
        ("//keys.example/k", Ok("https://keys.example/k")),
        ("http://keys.example/k", Err(())),
        ("https://keys.example:444/k", Err(())),
        ("https://www.keys.example/k", Err(())),
        ("https://keys.example.evil.example/k", Err(())),
        ("//evil.example/k", Err(())),
        ("\\\\evil.example/k", Err(())),
        ("https://keys.example@evil.example/k", Err(())),
        ("https://user@keys.example/k", Err(())),
        ("data:application/json,{}", Err(())),
        ("https://[", Err(())),
    ] {
        let expected = target.map(|target| Some(target.to_owned()));
        assert_eq!(
            follow(Redirects::SameOrigin, 302, Some(location)),
            expected,
            "{location}"
        );
    }
    assert_eq!(follow(Redirects::SameOrigin, 302, None), Err(()));
}

#[test]
fn the_five_statuses_that_redirect_do_and_no_other() {
    for status in [301, 302, 303, 307, 308] {
        let target = follow(Redirects::SameOrigin, status, Some("/k")).unwrap();
        assert!(target.is_some(), "{status}");
        let refused = follow(Redirects::Refuse, status, Some("/k")).unwrap();
        assert_eq!(refused, None, "{status}");
    }
    for status in [200, 201, 300, 304, 305, 306, 404] {
        let target = follow(Redirects::SameOrigin, status, Some("/k")).unwrap();
        assert_eq!(target, None, "{status}");
    }
}
