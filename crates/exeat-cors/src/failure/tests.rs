use super::*;

fn panics(payload: impl Any + Send) -> Failure {
    Failures::default()
        .guard(|| std::panic::resume_unwind(Box::new(payload)))
        .unwrap_err()
}

#[test]
fn a_panic_is_named_by_its_text_if_it_has_one() {
    for (failure, message) in [
        (panics("static"), "static"),
        (panics("owned".to_owned()), "owned"),
        (panics(7_u8), "not a text"),
    ] {
        assert!(failure.is_panic());
        assert_eq!(
            (failure.message(), failure.status().as_u16()),
            (message, 500)
        );
    }
}

#[test]
fn a_step_that_does_not_panic_is_passed_on() {
    assert_eq!(Failures::default().guard(|| 7), Ok(7));
    assert_eq!(
        Failures::default().without_catching_panics().guard(|| 7),
        Ok(7)
    );
}

#[test]
#[should_panic(expected = "passes")]
fn a_panic_passes_where_it_is_not_caught() {
    let _ = Failures::default()
        .without_catching_panics()
        .guard(|| panic!("passes"));
}

#[test]
fn a_message_is_one_line_of_bounded_length() {
    let failures = Failures::default();
    assert_eq!(failures.of_error("a\r\nb\0").message(), "a  b ");
    for (length, kept) in [
        (MAX_FAILURE_MESSAGE, MAX_FAILURE_MESSAGE),
        (MAX_FAILURE_MESSAGE + 1, MAX_FAILURE_MESSAGE),
        (1 << 20, MAX_FAILURE_MESSAGE),
    ] {
        assert_eq!(failures.of_error("x".repeat(length)).message().len(), kept);
    }
    // Two bytes each: an odd place is not cut through.
    let message = format!("x{}", "é".repeat(MAX_FAILURE_MESSAGE));
    assert_eq!(
        failures.of_error(message).message().len(),
        MAX_FAILURE_MESSAGE - 1
    );
}

#[test]
fn only_what_passes_by_itself_is_worth_another_attempt() {
    let failures = Failures::default().with_temporary(|error| {
        (error.to_string() == "busy").then_some(Duration::from_millis(1500))
    });
    let busy = failures.of_error("busy").answer();
    assert_eq!(
        (busy.status().as_u16(), &busy.headers()[RETRY_AFTER]),
        (503, &HeaderValue::from(2))
    );
    assert_eq!(
        busy.body(),
        r#"{"type":"about:blank","title":"The service has no time for this request now","status":503,"code":"unavailable"}"#
    );
    let broken = failures.of_error("broken").answer();
    assert_eq!(broken.status(), 500);
    assert!(!broken.headers().contains_key(RETRY_AFTER));
    assert_eq!(
        broken.body(),
        r#"{"type":"about:blank","title":"Internal error","status":500,"code":"internal_error"}"#
    );
    for answer in [busy, broken] {
        assert_eq!(answer.headers()[CACHE_CONTROL], "no-store");
        assert_eq!(answer.headers()[CONTENT_TYPE], "application/problem+json");
    }
}

#[test]
fn an_error_that_panics_while_it_is_read_is_a_panic() {
    #[derive(Debug)]
    struct Unreadable;
    impl fmt::Display for Unreadable {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("unreadable")
        }
    }
    impl Error for Unreadable {}
    let failure = Failures::default().of_error(Unreadable);
    assert!(failure.is_panic());
    assert_eq!(
        (failure.status().as_u16(), failure.message()),
        (500, "unreadable")
    );
    let asked = Failures::default().with_temporary(|_| panic!("asked"));
    assert_eq!(asked.of_error("busy").message(), "asked");
}
