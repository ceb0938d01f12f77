use super::*;

#[test]
fn an_error_is_told_with_its_causes_in_one_bounded_line() {
    let cause = std::io::Error::other(format!("refused\r\n{}", "x".repeat(1000)));
    let line = FetchError::Transport(cause.into()).line();
    assert!(line.starts_with("no answer: refused"), "{line}");
    assert!(line.len() <= MAX_LINE && !line.contains(['\r', '\n']));
}
