use super::*;

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

#[test]
fn cache_control_is_read_directive_by_directive() {
    for (lines, max_age, age) in [
        (&[][..], None, 0),
        (&[("cache-control", "max-age=60")], Some(60), 0),
        (
            &[("cache-control", "public, Max-Age=60 , must-revalidate")],
            Some(60),
            0,
        ),
        (&[("cache-control", "max-age=\"60\"")], Some(60), 0),
        (
            &[
                ("cache-control", "public"),
                ("cache-control", "max-age=7"),
                ("age", "3"),
            ],
            Some(7),
            3,
        ),
        (&[("cache-control", "max-age=1, max-age=2")], Some(1), 0),
        (&[("cache-control", "s-maxage=60")], None, 0),
        (&[("cache-control", "max-age=-1")], None, 0),
        (&[("cache-control", "max-age=")], None, 0),
        (
            &[("cache-control", "max-age=60, no-store"), ("age", "9")],
            None,
            0,
        ),
        (&[("cache-control", "no-cache, max-age=60")], None, 0),
        (
            &[("cache-control", "max-age=99999999999999999999")],
            Some(u32::MAX.into()),
            0,
        ),
        (
            &[("cache-control", "max-age=60"), ("age", "old")],
            Some(60),
            0,
        ),
    ] {
        let expected = Freshness {
            max_age: max_age.map(Duration::from_secs),
            age: Duration::from_secs(age),
        };
        assert_eq!(freshness(&headers(lines)), expected, "{lines:?}");
    }
}

#[test]
fn retry_after_is_seconds_or_a_date_after_the_answers_own() {
    let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
    for (lines, expected) in [
        (&[][..], None),
        (&[("retry-after", "0")], Some(0)),
        (&[("retry-after", " 120 ")], Some(120)),
        (&[("retry-after", "-1")], None),
        (&[("retry-after", "1.5")], None),
        (
            &[("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT"), date],
            Some(60),
        ),
        (
            &[("retry-after", "Sun, 06 Nov 1994 08:48:37 GMT"), date],
            None,
        ),
        (&[("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT")], None),
        (&[("retry-after", "soon"), date], None),
    ] {
        assert_eq!(
            retry_after(&headers(lines)),
            expected.map(Duration::from_secs),
            "{lines:?}"
        );
    }
}
