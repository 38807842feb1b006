use super::*;

/// A console without a machine: a transcript that is filled by hand needs no QEMU.
fn transcript(text: &'static str) -> Transcript {
    let file = private_path("log");
    let transcript = Transcript::create(&file).unwrap();
    std::fs::remove_file(file).unwrap();
    transcript.follow(text.as_bytes());
    transcript
}

#[test]
fn a_search_starts_where_the_last_match_ended() {
    let transcript = transcript("one\n=> two\n=> ");
    let deadline = Instant::now() + Duration::from_secs(10);
    assert!(matches!(
        transcript.wait_beyond(usize::MAX, deadline),
        transcript::Wait::Closed
    ));
    let matcher = |unread: &[u8]| Some((find(unread, PROMPT.as_bytes())?, ()));
    let (end, (), output) = transcript.search(0, &matcher).unwrap();
    assert_eq!((end, output.as_str()), (7, "one\n=> "));
    let (_, (), output) = transcript.search(end, &matcher).unwrap();
    assert_eq!(output, "two\n=> ");
}

#[test]
fn waiting_ends_with_the_pipe_or_with_time() {
    let transcript = transcript("x");
    let deadline = Instant::now() + Duration::from_secs(10);
    assert!(matches!(
        transcript.wait_beyond(0, deadline),
        transcript::Wait::Grown(1)
    ));
    assert!(matches!(transcript.wait_beyond(1, deadline), transcript::Wait::Closed));

    let (reader, _writer) = std::io::pipe().unwrap();
    transcript.follow(reader);
    assert!(matches!(
        transcript.wait_beyond(1, Instant::now()),
        transcript::Wait::Late
    ));
}

#[test]
fn the_tail_is_the_end() {
    let transcript = transcript("a long text");
    let deadline = Instant::now() + Duration::from_secs(10);
    assert!(matches!(
        transcript.wait_beyond(usize::MAX, deadline),
        transcript::Wait::Closed
    ));
    assert_eq!(transcript.tail(4), "text");
    assert_eq!(transcript.tail(100), "a long text");
}

#[test]
fn text_is_found_by_its_end() {
    assert_eq!(find(b"abcabc", b"bc"), Some(3));
    assert_eq!(find(b"abc", b"x"), None);
    assert_eq!(find(b"", b"x"), None);
}
