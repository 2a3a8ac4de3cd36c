//! Heads of requests: one length, whatever comes in whichever pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wharden_docker::parse_head;

fuzz_target!(|bytes: &[u8]| {
    let Ok(Some((head, length))) = parse_head(bytes) else { return };
    assert!(bytes[..length].ends_with(b"\r\n\r\n"));
    let lines: Vec<&[u8]> = bytes[..length].split(|b| *b == b'\n').collect();
    assert_eq!(lines.len(), head.headers.len() + 3, "a header a line");
    assert!(lines[..lines.len() - 1].iter().all(|line| line.ends_with(b"\r")), "every line ends in CR LF");
    assert_eq!(lines[0], format!("{} {} HTTP/1.1\r", head.method, head.target).as_bytes());
    for (line, (name, value)) in lines[1..].iter().zip(&head.headers) {
        let colon = line.iter().position(|b| *b == b':').expect("a colon");
        assert!(line[..colon].eq_ignore_ascii_case(name.as_bytes()) && !name.is_empty());
        assert_eq!(line[colon + 1..].trim_ascii(), value.trim_ascii());
        assert!(!value.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)));
    }
    // What has arrived so far never looks whole before it is, and what follows changes nothing.
    for end in 0..length {
        assert_eq!(parse_head(&bytes[..end]), Ok(None), "{end}");
    }
    assert_eq!(parse_head(&bytes[..length]), Ok(Some((head, length))));
});
