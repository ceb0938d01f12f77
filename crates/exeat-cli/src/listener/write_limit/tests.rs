use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

#[tokio::test]
async fn a_write_that_the_other_side_takes_succeeds() {
    let (near, mut far) = tokio::io::duplex(4);
    let mut near = WriteLimit::new(near, Duration::from_hours(1));
    let mut taken = [0; 5];
    let (written, read) = tokio::join!(near.write_all(b"12345"), far.read_exact(&mut taken));
    assert!(written.is_ok() && read.is_ok());
    assert_eq!(&taken, b"12345");
}

#[tokio::test]
async fn a_write_that_fits_the_buffers_needs_no_reader() {
    let (near, _far) = tokio::io::duplex(4);
    let mut near = WriteLimit::new(near, Duration::from_millis(1));
    near.write_all(b"1234").await.unwrap();
}

#[tokio::test]
async fn a_write_that_nobody_takes_fails_when_the_time_is_over() {
    let (near, _far) = tokio::io::duplex(4);
    let mut near = WriteLimit::new(near, Duration::from_millis(1));
    let error = near.write_all(b"12345").await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
}
