//! Small changes of JSON and of heads, the kinds that readers differ about. Always the same ones for one seed.

/// A sequence of numbers (xorshift64*).
pub struct Dice(u64);

impl Dice {
    /// Starts a sequence.
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// One below `bound`.
    pub fn roll(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).unwrap_or(0) % bound.max(1)
    }

    fn pick<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.roll(of.len())]
    }
}

const VALUES: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "-1",
    "1.0",
    "1e3",
    "65536",
    "9223372036854775808",
    "1e999",
    "\"\"",
    "\"a\"",
    "\"/:/a\"",
    "[]",
    "[null]",
    "[\"a\",null]",
    "{}",
    "{\"a\":null}",
    "[[]]",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "01",
    "nul",
    "tru",
    "{\"Privileged\":true}",
];
const KEYS: &[&str] = &[
    "Privileged",
    "HostConfig",
    "Binds",
    "Memory",
    "Cmd",
    "Labels",
    "Image",
    "Mounts",
    "CapAdd",
    "Cpuset",
    "CpusetCpus",
    "Env",
    "Entrypoint",
    "ExposedPorts",
    "StopTimeout",
    "Init",
    "NetworkingConfig",
    "ConsoleSize",
    "X",
    "DriverOpts",
    "User",
];

/// A change of a JSON text.
pub fn json(text: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut out = text.to_vec();
    for _ in 0..=dice.roll(3) {
        let at = dice.roll(out.len() + 1);
        match dice.roll(10) {
            0 => insert(&mut out, at, format!("\"{}\":{},", dice.pick(KEYS), dice.pick(VALUES)).as_bytes(), b"{,"),
            1 => replace_value(&mut out, at, dice.pick(VALUES)),
            2 => respell(&mut out, at, dice),
            3 => repeat_member(&mut out, at),
            4 => {
                out.extend_from_slice(dice.pick(&[" ", "{}", "null", "x", "\0", "\n{\"Privileged\":true}"]).as_bytes())
            }
            5 => insert(&mut out, at, dice.pick(&[" ", "\n", "\u{feff}", ",", "\u{a0}", "/**/"]).as_bytes(), b"{,:[}"),
            6 if !out.is_empty() => out.truncate(at),
            7 if at < out.len() => out[at] = u8::try_from(dice.roll(256)).unwrap_or(0),
            8 if at < out.len() => drop(out.remove(at)),
            _ => escape_one(&mut out, at),
        }
    }
    out
}

/// After the next of these bytes.
fn insert(out: &mut Vec<u8>, from: usize, what: &[u8], after: &[u8]) {
    if let Some(at) = (from..out.len()).find(|at| after.contains(&out[*at])) {
        out.splice(at + 1..at + 1, what.iter().copied());
    }
}

/// What stands after the next colon.
fn replace_value(out: &mut Vec<u8>, from: usize, with: &str) {
    let Some(colon) = (from..out.len()).find(|at| out[*at] == b':') else { return };
    let end = (colon + 1..out.len()).find(|at| b",}]".contains(&out[*at])).unwrap_or(out.len());
    out.splice(colon + 1..end, with.bytes());
}

/// Letters of the next text, in another case or in characters that fold to them.
fn respell(out: &mut Vec<u8>, from: usize, dice: &mut Dice) {
    let Some(at) = (from..out.len()).find(|at| out[*at].is_ascii_alphabetic()) else { return };
    let with: &[u8] = match (out[at].to_ascii_lowercase(), dice.roll(2)) {
        (b's', 0) => "\u{17f}".as_bytes(),
        (b'k', 0) => "\u{212a}".as_bytes(),
        _ => &[out[at] ^ 0x20],
    };
    out.splice(at..=at, with.iter().copied());
}

/// The next simple member once more.
fn repeat_member(out: &mut Vec<u8>, from: usize) {
    let Some(start) = (from..out.len()).find(|at| b"{,".contains(&out[*at])).map(|at| at + 1) else { return };
    let Some(end) = (start..out.len()).find(|at| b",}".contains(&out[*at])) else { return };
    let again = [&out[start..end], b","].concat();
    out.splice(start..start, again);
}

/// The next character as an escape.
fn escape_one(out: &mut Vec<u8>, from: usize) {
    if let Some(at) = (from..out.len()).find(|at| out[*at].is_ascii_alphabetic()) {
        let escape = format!("\\u{:04x}", out[at]);
        out.splice(at..=at, escape.bytes());
    }
}

/// A change of a request's head.
pub fn head(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let end = out.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(out.len());
    for _ in 0..=dice.roll(2) {
        let at = dice.roll(end.max(1)).min(out.len());
        let piece = dice.pick(&[
            "%2e",
            "%2F",
            "%61",
            "%00",
            "//",
            "/../",
            "?",
            "&",
            ";",
            "#",
            "+",
            "%20",
            "%",
            "=",
            "\\",
            "v1.41/",
            "&all=1",
            "&t=a",
            "\r\n ",
            "\r\nX-A: b",
            "\r\nContent-Length: 1",
            "\r\nTransfer-Encoding: chunked",
            "\r\nConnection: close",
            "\t",
            "\u{e9}",
        ]);
        match dice.roll(4) {
            0 | 1 => drop(out.splice(at..at, piece.bytes())),
            2 if at < out.len() => out[at] ^= 0x20,
            _ if at < out.len() => drop(out.remove(at)),
            _ => {}
        }
    }
    out
}
