use super::*;

const NOW: NumericDate = NumericDate::from_secs(1_000);

#[expect(clippy::unnecessary_wraps, reason = "every time of a row is optional")]
fn at(seconds: u64) -> Option<NumericDate> {
    Some(NumericDate::from_secs(seconds))
}

fn row(kid: &str, published_at: u64, sign_from: Option<NumericDate>) -> Row {
    Row {
        kid: KeyId::try_from(kid).unwrap(),
        alg: Algorithm::Es256,
        times: Times {
            published_at: NumericDate::from_secs(published_at),
            sign_from,
            sign_until: None,
            remove_at: None,
            revoked_at: None,
        },
    }
}

fn lacks_of(rows: &[Row], algs: &[Algorithm], now: NumericDate) -> Vec<Lack> {
    lacks(&rows.iter().collect::<Vec<_>>(), algs, now)
}

fn states_of(rows: &[Row]) -> Vec<KeyState> {
    states(&rows.iter().collect::<Vec<_>>(), NOW)
}

#[test]
fn a_key_signs_from_its_second_on() {
    for (sign_from, expected) in [
        (None, KeyState::Pending),
        (at(1_001), KeyState::Pending),
        (at(1_000), KeyState::Active),
        (at(1), KeyState::Active),
    ] {
        assert_eq!(
            states_of(&[row("a", 0, sign_from)]),
            [expected],
            "{sign_from:?}"
        );
    }
}

#[test]
fn the_newest_that_has_begun_is_active_and_older_ones_retire() {
    let rows = [
        row("a", 0, at(1)),
        row("b", 10, at(500)),
        row("c", 20, at(1_001)),
        row("d", 30, None),
    ];
    assert_eq!(
        states_of(&rows),
        [
            KeyState::Retiring,
            KeyState::Active,
            KeyState::Pending,
            KeyState::Pending
        ]
    );
}

#[test]
fn each_algorithm_has_its_own_line() {
    let rsa = Row {
        alg: Algorithm::Rs256,
        ..row("r", 0, at(1))
    };
    assert_eq!(
        states_of(&[row("a", 0, at(500)), rsa]),
        [KeyState::Active, KeyState::Active]
    );
}

#[test]
fn keys_that_begin_together_still_have_one_winner() {
    let rows = [
        row("a", 7, at(500)),
        row("b", 7, at(500)),
        row("c", 6, at(500)),
    ];
    assert_eq!(
        states_of(&rows),
        [KeyState::Retiring, KeyState::Active, KeyState::Retiring]
    );
}

#[test]
fn a_retiring_key_leaves_at_its_second() {
    for (remove_at, expected) in [
        (at(1_001), KeyState::Retiring),
        (at(1_000), KeyState::Retired),
        (None, KeyState::Retiring),
    ] {
        let mut old = row("a", 0, at(1));
        old.times.remove_at = remove_at;
        assert_eq!(states_of(&[old, row("b", 1, at(500))])[0], expected);
    }
}

#[test]
fn a_revoked_key_hands_over_to_the_one_before() {
    let mut leaked = row("b", 1, at(500));
    leaked.times.revoked_at = at(900);
    assert_eq!(
        states_of(&[row("a", 0, at(1)), leaked.clone()]),
        [KeyState::Active, KeyState::Revoked]
    );
    // Another replica's clock is ahead: it counts at once.
    leaked.times.revoked_at = at(5_000);
    assert_eq!(states_of(&[leaked]), [KeyState::Revoked]);
}

#[test]
fn a_key_told_to_stop_signs_no_more() {
    for (sign_until, expected) in [
        (at(1_001), KeyState::Active),
        (at(1_000), KeyState::Retiring),
    ] {
        let mut key = row("a", 0, at(1));
        key.times.sign_until = sign_until;
        assert_eq!(states_of(&[key]), [expected]);
    }
}

#[test]
fn a_complete_set_lacks_nothing() {
    let rows = [row("a", 0, at(1)), row("b", 0, None)];
    assert_eq!(lacks_of(&rows, &[Algorithm::Es256], NOW), []);
}

#[test]
fn an_empty_set_lacks_an_active_and_a_pending_key_of_each_algorithm() {
    let expected = [
        Lack::Active(Algorithm::Es256),
        Lack::Pending(Algorithm::Es256),
        Lack::Active(Algorithm::Rs256),
        Lack::Pending(Algorithm::Rs256),
    ];
    assert_eq!(
        lacks_of(&[], &[Algorithm::Es256, Algorithm::Rs256], NOW),
        expected
    );
}

#[test]
fn without_an_active_key_the_standby_published_first_is_promoted() {
    let rows = [row("young", 20, None), row("old", 10, None)];
    assert_eq!(
        lacks_of(&rows, &[Algorithm::Es256], NOW),
        [Lack::Promotion(KeyId::try_from("old").unwrap())]
    );
    let last = [row("old", 10, None)];
    let expected = [
        Lack::Promotion(KeyId::try_from("old").unwrap()),
        Lack::Pending(Algorithm::Es256),
    ];
    assert_eq!(lacks_of(&last, &[Algorithm::Es256], NOW), expected);
}

#[test]
fn an_active_key_alone_lacks_its_standby() {
    assert_eq!(
        lacks_of(&[row("a", 0, at(1))], &[Algorithm::Es256], NOW),
        [Lack::Pending(Algorithm::Es256)]
    );
}

fn ring(rows: Vec<Row>) -> KeyRing {
    let (key, _) = SigningKey::generate(Algorithm::Es256).unwrap();
    KeyRing::new(
        rows.into_iter()
            .map(|row| KeyEntry {
                row,
                jwk: key.public_jwk().clone(),
                signing: None,
            })
            .collect(),
    )
}

#[test]
fn the_set_lists_active_then_pending_then_retiring_and_no_other() {
    let mut retired = row("retired", 0, at(1));
    retired.times.remove_at = at(900);
    let mut revoked = row("revoked", 0, at(600));
    revoked.times.revoked_at = at(900);
    let ring = ring(vec![
        row("retiring", 0, at(2)),
        retired,
        row("pending", 5, None),
        revoked,
        row("active", 1, at(500)),
    ]);
    let order: Vec<_> = ring
        .published(NOW)
        .into_iter()
        .map(|(_, entry)| entry.row.kid.as_str())
        .collect();
    assert_eq!(order, ["active", "pending", "retiring"]);
}

#[test]
fn the_next_change_is_the_next_time_that_is_not_past() {
    let mut old = row("a", 0, at(1));
    old.times.remove_at = at(1_500);
    let mut ring_rows = vec![old, row("b", 0, at(1_200))];
    assert_eq!(ring(ring_rows.clone()).next_change(NOW), at(1_200));
    assert_eq!(
        ring(ring_rows.clone()).next_change(NumericDate::from_secs(1_200)),
        at(1_500)
    );
    assert_eq!(ring(ring_rows.split_off(2)).next_change(NOW), None);
}
