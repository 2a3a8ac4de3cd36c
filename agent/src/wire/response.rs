use super::body::BodyFraming;

/// Headers taken from a response; the engine sends about ten.
const HEADERS_MAX: usize = 100;

/// Why a response head cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    #[error("the answer is not HTTP/1.1")]
    Malformed,
    #[error("the answer's length is given twice or is not a number")]
    Length,
    #[error("the answer has a transfer coding other than chunked")]
    Coding,
}

/// What has to be known of a response's head to pass it on. The bytes themselves are passed as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// Length of the head in bytes, its empty line included.
    pub bytes: usize,
    /// Status code.
    pub status: u16,
    /// How the body ends, if the status has one.
    pub framing: BodyFraming,
    /// The connection ends after this response.
    pub close: bool,
    /// `Content-Type` without parameters, lower case.
    pub content_type: String,
    /// `Api-Version`, which the engine sends with every answer.
    pub api_version: String,
}

/// Reads a response head; `None` when it is not complete yet. `head_request`: the request was `HEAD`.
///
/// # Errors
/// [`ResponseError`].
pub fn parse_response(bytes: &[u8], head_request: bool) -> Result<Option<ResponseHead>, ResponseError> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let length = match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(ResponseError::Malformed),
    };
    let status = response.code.ok_or(ResponseError::Malformed)?;
    let mut close = response.version != Some(1);
    let (mut content_length, mut chunked) = (None, false);
    let (mut content_type, mut api_version) = (String::new(), String::new());
    for header in response.headers.iter() {
        let value = std::str::from_utf8(header.value).unwrap_or_default().trim();
        if header.name.eq_ignore_ascii_case("content-length") {
            if content_length.is_some() || value.is_empty() || !value.bytes().all(|b| b.is_ascii_digit()) {
                return Err(ResponseError::Length);
            }
            content_length = Some(value.parse::<u64>().map_err(|_| ResponseError::Length)?);
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            if chunked || !value.eq_ignore_ascii_case("chunked") {
                return Err(ResponseError::Coding);
            }
            chunked = true;
        } else if header.name.eq_ignore_ascii_case("connection") {
            close |= value.split(',').any(|word| word.trim().eq_ignore_ascii_case("close"));
        } else if header.name.eq_ignore_ascii_case("content-type") {
            content_type = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        } else if header.name.eq_ignore_ascii_case("api-version") {
            api_version = value.to_owned();
        }
    }
    let framing = if head_request || matches!(status, 100..=199 | 204 | 304) {
        BodyFraming::None
    } else {
        match (chunked, content_length) {
            (true, None) => BodyFraming::Chunked,
            (false, Some(length)) => BodyFraming::Length(length),
            (false, None) => BodyFraming::UntilClose,
            (true, Some(_)) => return Err(ResponseError::Length),
        }
    };
    Ok(Some(ResponseHead { bytes: length, status, framing, close, content_type, api_version }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing(text: &str, head: bool) -> Result<BodyFraming, ResponseError> {
        parse_response(text.as_bytes(), head).map(|r| r.expect("complete").framing)
    }

    #[test]
    fn the_framing_follows_rfc_9112() {
        use BodyFraming::{Chunked, Length, None, UntilClose};
        assert_eq!(framing("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false), Ok(Length(5)));
        assert_eq!(framing("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true), Ok(None));
        assert_eq!(framing("HTTP/1.1 204 No Content\r\n\r\n", false), Ok(None));
        assert_eq!(framing("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false), Ok(Chunked));
        assert_eq!(framing("HTTP/1.1 200 OK\r\n\r\n", false), Ok(UntilClose));
        assert_eq!(
            framing("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", false),
            Err(ResponseError::Length)
        );
        assert_eq!(
            framing("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", false),
            Err(ResponseError::Length)
        );
        assert_eq!(framing("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n", false), Err(ResponseError::Length));
        assert_eq!(framing("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", false), Err(ResponseError::Coding));
        assert_eq!(parse_response(b"HTTP/1.1 200 OK\r\n", false), Ok(Option::None));
        assert_eq!(parse_response(b"SSH-2.0-OpenSSH\r\n\r\n", false), Err(ResponseError::Malformed));
    }
}
