use std::{sync::Barrier, thread};

use exeat_jose::PrivateKeyPem;

use super::*;
use crate::{
    key_ring::{KeyState, states},
    random::{RandomUnavailable, SystemRandom},
};

const NOW: NumericDate = NumericDate::from_secs(1_000);
const ES256: [Algorithm; 1] = [Algorithm::Es256];

fn new_key() -> (SigningKey, PrivateKeyPem) {
    SigningKey::generate(Algorithm::Es256).unwrap()
}

fn kids(ring: &KeyRing) -> Vec<(String, KeyState)> {
    let mut kids: Vec<_> = ring
        .rows()
        .into_iter()
        .map(|row| row.kid.to_string())
        .zip(states(&ring.rows(), NOW))
        .collect();
    kids.sort();
    kids
}

fn count(ring: &KeyRing, state: KeyState) -> usize {
    kids(ring)
        .into_iter()
        .filter(|(_, is)| *is == state)
        .count()
}

/// A directory with one active and one pending key, and their ids.
fn started() -> (tempfile::TempDir, String, String) {
    let directory = tempfile::tempdir().unwrap();
    let ring = open(directory.path(), &ES256, NOW).unwrap();
    let of = |state| {
        kids(&ring)
            .into_iter()
            .find(|(_, is)| *is == state)
            .unwrap()
            .0
    };
    let (active, pending) = (of(KeyState::Active), of(KeyState::Pending));
    (directory, active, pending)
}

fn refusal(directory: &Path) -> String {
    open(directory, &ES256, NOW).unwrap_err().to_string()
}

#[test]
fn a_first_start_makes_one_active_and_one_pending_key_and_a_second_keeps_them() {
    let (directory, ..) = started();
    let first = kids(&open(directory.path(), &ES256, NOW).unwrap());
    assert_eq!(first.len(), 2);
    let later = open(directory.path(), &ES256, NumericDate::from_secs(9_999)).unwrap();
    assert_eq!(kids(&later), first);
}

#[test]
fn a_private_key_without_times_is_taken_over_not_lost() {
    let (directory, active, pending) = started();
    for kid in [&active, &pending] {
        let before = kids(&open(directory.path(), &ES256, NOW).unwrap());
        fs::remove_file(directory.path().join(format!("{kid}{PUBLIC_END}"))).unwrap();
        let after = open(directory.path(), &ES256, NOW).unwrap();
        assert!(kids(&after).iter().any(|(known, _)| known == kid));
        assert_eq!(
            (kids(&after).len(), count(&after, KeyState::Active)),
            (before.len(), 1)
        );
    }
}

#[test]
fn half_written_files_are_removed_and_nothing_else() {
    let (directory, active, _) = started();
    let half = directory
        .path()
        .join(format!("{active}{PRIVATE_END}{UNFINISHED}"));
    fs::write(&half, "-----BEGIN PRIV").unwrap();
    fs::write(directory.path().join("README.md"), "about this directory").unwrap();
    let before = kids(&open(directory.path(), &ES256, NOW).unwrap());
    assert!(!half.exists());
    assert!(directory.path().join("README.md").exists());
    assert_eq!(kids(&open(directory.path(), &ES256, NOW).unwrap()), before);
}

#[test]
fn a_damaged_file_is_named_and_left_alone() {
    let (directory, active, _) = started();
    for end in [PRIVATE_END, PUBLIC_END] {
        let file = directory.path().join(format!("{active}{end}"));
        let whole = fs::read(&file).unwrap();
        for damaged in [
            &b""[..],
            &whole[..whole.len() / 2],
            b"\xff\xfe",
            &vec![b'x'; 40_000],
        ] {
            fs::write(&file, damaged).unwrap();
            let refusal = refusal(directory.path());
            assert!(refusal.contains(file.to_str().unwrap()), "{refusal}");
            assert_eq!(fs::read(&file).unwrap(), damaged);
        }
        fs::write(&file, whole).unwrap();
    }
    assert!(open(directory.path(), &ES256, NOW).is_ok());
}

#[test]
fn a_file_named_after_another_key_is_refused() {
    let (directory, active, pending) = started();
    for end in [PRIVATE_END, PUBLIC_END] {
        let (mine, other) = (
            directory.path().join(format!("{active}{end}")),
            directory.path().join(format!("{pending}{end}")),
        );
        let whole = fs::read(&mine).unwrap();
        fs::copy(&other, &mine).unwrap();
        let refusal = refusal(directory.path());
        assert!(
            refusal.contains(mine.to_str().unwrap()) && refusal.contains(&pending),
            "{refusal}"
        );
        fs::write(&mine, whole).unwrap();
    }
}

#[test]
fn a_lost_private_half_is_named_while_its_key_has_to_sign() {
    let (directory, active, pending) = started();
    for kid in [active, pending] {
        let file = directory.path().join(format!("{kid}{PRIVATE_END}"));
        let whole = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        assert!(refusal(directory.path()).contains(file.to_str().unwrap()));
        files::write_durably(&file, std::str::from_utf8(&whole).unwrap(), PRIVATE).unwrap();
    }
}

#[test]
fn a_retiring_key_needs_no_private_half() {
    let (directory, active, pending) = started();
    let file = directory.path().join(format!("{pending}{PUBLIC_END}"));
    let text = fs::read_to_string(&file)
        .unwrap()
        .replace("\"sign_from\": null", "\"sign_from\": 1000");
    fs::write(&file, text).unwrap();
    let ring = open(directory.path(), &ES256, NumericDate::from_secs(1_001)).unwrap();
    let retiring = kids(&ring)
        .into_iter()
        .find(|(_, state)| *state == KeyState::Retiring)
        .unwrap()
        .0;
    assert!([&active, &pending].contains(&&retiring));
    fs::remove_file(directory.path().join(format!("{retiring}{PRIVATE_END}"))).unwrap();
    assert!(open(directory.path(), &ES256, NumericDate::from_secs(1_001)).is_ok());
}

#[test]
fn a_key_dropped_into_the_directory_is_taken_over_under_its_own_name() {
    let directory = tempfile::tempdir().unwrap();
    let (key, pem) = new_key();
    let import = directory.path().join("mine.pem");
    fs::write(&import, pem.expose()).unwrap();
    let ring = open(directory.path(), &ES256, NOW).unwrap();
    assert!(kids(&ring).contains(&(key.key_id().to_string(), KeyState::Active)));
    assert_eq!(count(&ring, KeyState::Pending), 1);
    let place = directory
        .path()
        .join(format!("{}{PRIVATE_END}", key.key_id()));
    assert!(!import.exists());
    assert_eq!(
        fs::metadata(place).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn an_imported_key_stands_by_where_another_signs() {
    let (directory, active, _) = started();
    let (key, pem) = new_key();
    fs::write(directory.path().join("mine.pem"), pem.expose()).unwrap();
    let ring = open(directory.path(), &ES256, NOW).unwrap();
    assert!(kids(&ring).contains(&(key.key_id().to_string(), KeyState::Pending)));
    assert!(kids(&ring).contains(&(active, KeyState::Active)));
}

#[test]
fn an_import_that_is_no_key_or_known_already_is_named() {
    let (directory, active, _) = started();
    let import = directory.path().join("mine.pem");
    fs::write(
        &import,
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    assert!(refusal(directory.path()).contains("mine.pem"));
    fs::copy(
        directory.path().join(format!("{active}{PRIVATE_END}")),
        &import,
    )
    .unwrap();
    assert!(refusal(directory.path()).contains("mine.pem"));
    assert!(import.exists());
}

#[test]
fn a_world_writable_private_key_is_refused_and_a_readable_one_is_not() {
    let (directory, active, _) = started();
    let file = directory.path().join(format!("{active}{PRIVATE_END}"));
    for (mode, passes) in [
        (0o600, true),
        (0o640, true),
        (0o644, true),
        (0o400, true),
        (0o602, false),
        (0o666, false),
    ] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(
            open(directory.path(), &ES256, NOW).is_ok(),
            passes,
            "{mode:o}"
        );
    }
    assert!(refusal(directory.path()).contains("chmod 600"));
}

#[test]
fn processes_that_start_together_agree_on_the_keys() {
    let directory = tempfile::tempdir().unwrap();
    let barrier = Barrier::new(4);
    let seen: Vec<_> = thread::scope(|scope| {
        let starts: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    let ring = open(directory.path(), &ES256, NOW).unwrap();
                    let secret = session_secret(directory.path(), true, &SystemRandom)
                        .unwrap()
                        .unwrap();
                    (kids(&ring), *secret)
                })
            })
            .collect();
        starts
            .into_iter()
            .map(|start| start.join().unwrap())
            .collect()
    });
    assert_eq!(seen[0].0.len(), 2);
    assert!(seen.iter().all(|of_one| *of_one == seen[0]));
}

#[test]
fn reading_rows_changes_nothing() {
    let (directory, active, _) = started();
    fs::remove_file(directory.path().join(format!("{active}{PRIVATE_END}"))).unwrap();
    let names = || {
        let mut names: Vec<_> = fs::read_dir(directory.path())
            .unwrap()
            .map(|item| item.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    let before = names();
    assert_eq!(read_rows(directory.path()).unwrap().len(), 2);
    assert_eq!(kids(&read_public(directory.path()).unwrap()).len(), 2);
    assert_eq!(names(), before);
    assert!(read_rows(&directory.path().join("nowhere")).is_err());
    assert!(read_public(&directory.path().join("nowhere")).is_err());
}

#[test]
fn the_session_secret_is_made_once() {
    let directory = tempfile::tempdir().unwrap();
    assert!(
        session_secret(directory.path(), false, &SystemRandom)
            .unwrap()
            .is_none()
    );
    let made = session_secret(directory.path(), true, &SystemRandom)
        .unwrap()
        .unwrap();
    let read = session_secret(directory.path(), false, &SystemRandom)
        .unwrap()
        .unwrap();
    assert_eq!(*made, *read);
    assert_ne!(*made, [0; SECRET_LEN]);
}

#[test]
fn no_randomness_makes_no_secret() {
    struct Exhausted;
    impl Random for Exhausted {
        fn fill(&self, _: &mut [u8]) -> Result<(), RandomUnavailable> {
            Err(RandomUnavailable)
        }
    }
    let directory = tempfile::tempdir().unwrap();
    assert!(matches!(
        session_secret(directory.path(), true, &Exhausted),
        Err(KeyStoreError::Random)
    ));
    assert!(!session_secret_file(directory.path()).exists());
}

#[cfg(not(feature = "aws-lc-rs"))]
#[test]
fn a_backend_that_makes_no_rsa_keys_says_how_to_make_one() {
    let directory = tempfile::tempdir().unwrap();
    let refusal = open(directory.path(), &[Algorithm::Rs256], NOW)
        .unwrap_err()
        .to_string();
    assert!(
        refusal.contains("openssl genpkey") && refusal.contains(directory.path().to_str().unwrap()),
        "{refusal}"
    );
}

#[test]
fn an_imported_rsa_key_signs_under_every_backend() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(
        directory.path().join("rsa.pem"),
        include_str!("../../../tests/rsa2048-for-tests-only.txt"),
    )
    .unwrap();
    let ring = open(directory.path(), &[Algorithm::Rs256], NOW).unwrap();
    assert_eq!(count(&ring, KeyState::Active), 1);
}

#[test]
fn a_first_start_that_broke_off_after_one_private_key_continues_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let (key, pem) = new_key();
    let file = directory
        .path()
        .join(format!("{}{PRIVATE_END}", key.key_id()));
    files::write_durably(&file, pem.expose(), PRIVATE).unwrap();
    let ring = open(directory.path(), &ES256, NOW).unwrap();
    assert!(kids(&ring).contains(&(key.key_id().to_string(), KeyState::Active)));
    assert_eq!(count(&ring, KeyState::Pending), 1);
}
