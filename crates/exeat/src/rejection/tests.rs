use exeat_jose::InvalidToken;

use super::*;

#[test]
fn only_an_outage_is_retryable_and_only_it_is_503() {
    let outage = Rejected::KeysUnavailable {
        why: KeysUnavailable::Cold,
        retry_after: Duration::ZERO,
    };
    for rejected in [
        Rejected::NoToken,
        Rejected::MultipleTokens,
        Rejected::BadCredentials,
        Rejected::Invalid(InvalidToken::Malformed),
        Rejected::UnknownKey,
        Rejected::TenantNotAllowed,
        Rejected::ReadOnlyToken,
        outage.clone(),
        Rejected::Internal,
    ] {
        assert_eq!(rejected.is_retryable(), rejected == outage);
        assert_eq!(
            rejected.status() == StatusCode::SERVICE_UNAVAILABLE,
            rejected == outage
        );
    }
}

#[test]
fn sentences_fit_into_a_quoted_string() {
    for invalid in [
        InvalidToken::TooLarge { len: 1, max: 0 },
        InvalidToken::Expired {
            late_by: Duration::ZERO,
        },
        InvalidToken::MissingClaim { claim: "exp" },
        InvalidToken::WrongAudience,
    ] {
        let sentence = Rejected::Invalid(invalid).sentence();
        assert!(
            sentence
                .bytes()
                .all(|byte| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\'),
            "{sentence}"
        );
    }
}
