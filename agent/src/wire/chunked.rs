use crate::limits::{CHUNK_LINE_MAX, TRAILERS_MAX};

/// What is wrong with a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    #[error("the size of a chunk is not a hexadecimal number")]
    Size,
    #[error("the size of a chunk is larger than 2^63")]
    TooLarge,
    #[error("a line of the chunked framing does not end in CR LF")]
    LineEnd,
    #[error("a line of the chunked framing is longer than {CHUNK_LINE_MAX} bytes")]
    LineTooLong,
    #[error("the trailers are longer than {TRAILERS_MAX} bytes")]
    TrailersTooLong,
}

/// What the next bytes of a chunked body are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// So many bytes of framing or trailers.
    Framing(usize),
    /// So many bytes of content.
    Data(usize),
    /// So many bytes, and the body is over after them.
    End(usize),
}

#[derive(Clone, Copy, Debug)]
enum State {
    Size { digits: u8, value: u64 },
    Extension { value: u64 },
    SizeLf { value: u64 },
    Data { left: u64 },
    DataCr,
    DataLf,
    TrailerStart,
    Trailer,
    TrailerLf { last: bool },
    Done,
}

/// Walks over a chunked body (RFC 9112 §7.1) without copying it. Strict: lines end in CR LF, sizes are bare hexadecimal
/// numbers; extensions are skipped.
#[derive(Clone, Debug)]
pub struct ChunkScanner {
    state: State,
    line: usize,
    trailers: usize,
}

impl Default for ChunkScanner {
    fn default() -> Self {
        Self { state: State::Size { digits: 0, value: 0 }, line: 0, trailers: 0 }
    }
}

impl ChunkScanner {
    /// Says what the next bytes are. `bytes` must not be empty; [`Piece::Framing`] may cover all of them.
    ///
    /// # Errors
    /// [`ChunkError`]; the body cannot be read further.
    pub fn next(&mut self, bytes: &[u8]) -> Result<Piece, ChunkError> {
        if let State::Data { left } = &mut self.state {
            let n = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
            *left -= n as u64;
            if *left == 0 {
                self.state = State::DataCr;
            }
            return Ok(Piece::Data(n));
        }
        let mut used = 0;
        for byte in bytes {
            if matches!(self.state, State::Data { .. }) {
                break;
            }
            if matches!(self.state, State::Done) {
                return Ok(Piece::End(used));
            }
            used += 1;
            self.step(*byte)?;
        }
        Ok(if matches!(self.state, State::Done) { Piece::End(used) } else { Piece::Framing(used) })
    }

    fn step(&mut self, byte: u8) -> Result<(), ChunkError> {
        self.line += 1;
        if self.line > CHUNK_LINE_MAX {
            return Err(ChunkError::LineTooLong);
        }
        self.state = match self.state {
            State::Size { digits, value } => match byte {
                b'\r' if digits > 0 => State::SizeLf { value },
                b';' if digits > 0 => State::Extension { value },
                _ => {
                    let digit = (byte as char).to_digit(16).ok_or(ChunkError::Size)?;
                    if digits >= 16 || value >> 59 != 0 {
                        return Err(ChunkError::TooLarge);
                    }
                    State::Size { digits: digits + 1, value: value << 4 | u64::from(digit) }
                }
            },
            State::Extension { value } => match byte {
                b'\r' => State::SizeLf { value },
                b'\n' => return Err(ChunkError::LineEnd),
                _ => State::Extension { value },
            },
            State::SizeLf { value } => {
                expect(byte, b'\n')?;
                self.line = 0;
                if value == 0 { State::TrailerStart } else { State::Data { left: value } }
            }
            State::DataCr => {
                expect(byte, b'\r')?;
                State::DataLf
            }
            State::DataLf => {
                expect(byte, b'\n')?;
                self.line = 0;
                State::Size { digits: 0, value: 0 }
            }
            State::TrailerStart if byte == b'\r' => State::TrailerLf { last: true },
            State::TrailerStart | State::Trailer => {
                self.trailers += 1;
                if self.trailers > TRAILERS_MAX {
                    return Err(ChunkError::TrailersTooLong);
                }
                match byte {
                    b'\r' => State::TrailerLf { last: false },
                    b'\n' => return Err(ChunkError::LineEnd),
                    _ => State::Trailer,
                }
            }
            State::TrailerLf { last } => {
                expect(byte, b'\n')?;
                self.line = 0;
                if last { State::Done } else { State::TrailerStart }
            }
            state @ (State::Data { .. } | State::Done) => state,
        };
        Ok(())
    }
}

fn expect(byte: u8, wanted: u8) -> Result<(), ChunkError> {
    if byte == wanted { Ok(()) } else { Err(ChunkError::LineEnd) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8], step: usize) -> Result<(Vec<u8>, usize), ChunkError> {
        let mut scanner = ChunkScanner::default();
        let (mut data, mut at) = (Vec::new(), 0);
        while at < bytes.len() {
            let window = &bytes[at..bytes.len().min(at + step)];
            match scanner.next(window)? {
                Piece::Framing(n) => at += n,
                Piece::Data(n) => {
                    data.extend_from_slice(&window[..n]);
                    at += n;
                }
                Piece::End(n) => return Ok((data, at + n)),
            }
        }
        Ok((data, usize::MAX))
    }

    #[test]
    fn every_split_of_a_body_decodes_the_same() {
        let body = b"4;x=\"y\"\r\nWiki\r\n00A\r\n0123456789\r\n0\r\nTrailer: z\r\n\r\nNEXT";
        for step in 1..body.len() {
            assert_eq!(decode(body, step), Ok((b"Wiki0123456789".to_vec(), body.len() - 4)), "step {step}");
        }
    }

    #[test]
    fn lax_framing_is_refused() {
        for (body, error) in [
            (&b"4\nWiki\r\n"[..], ChunkError::Size),
            (b"0x4\r\nWiki\r\n", ChunkError::Size),
            (b" 4\r\nWiki\r\n", ChunkError::Size),
            (b"+4\r\nWiki\r\n", ChunkError::Size),
            (b"\r\n", ChunkError::Size),
            (b"4\r\nWikiX\r\n", ChunkError::LineEnd),
            (b"4;a\nWiki\r\n", ChunkError::LineEnd),
            (b"fffffffffffffffff\r\n", ChunkError::TooLarge),
        ] {
            assert_eq!(decode(body, 64), Err(error), "{:?}", String::from_utf8_lossy(body));
        }
        let long = [b"1;".as_slice(), &vec![b'a'; CHUNK_LINE_MAX]].concat();
        assert_eq!(decode(&long, long.len()), Err(ChunkError::LineTooLong));
    }
}
