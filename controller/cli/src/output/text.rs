//! Text from elsewhere is shown, never obeyed: host and container names, labels and reasons come from machines that
//! may be hostile, and a terminal acts on control characters.

/// One line with control and direction characters spelled out.
pub fn clean(s: &str) -> String {
    escape(s, |_| false)
}

/// A text of many lines; line ends and tabs stay.
pub fn clean_text(s: &str) -> String {
    escape(s, |c| c == '\n' || c == '\t')
}

/// One line out of many, cut to `most` characters.
pub fn one_line(s: &str, most: usize) -> String {
    let line = clean(&s.split_whitespace().collect::<Vec<_>>().join(" "));
    if line.chars().count() <= most {
        return line;
    }
    let mut cut: String = line.chars().take(most.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// `1 host`, `2 hosts`.
pub fn counted(count: u32, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

fn escape(s: &str, keep: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(s.len());
    for c in s.chars() {
        if acts(c) && !keep(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// True for what moves the cursor, changes colours, or turns the direction of text.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_cannot_drive_the_terminal() {
        assert_eq!(clean("web\x1b[2J\u{9b}1m\u{202e}x\n"), "web\\u{1b}[2J\\u{9b}1m\\u{202e}x\\u{a}");
        assert_eq!(clean_text("a\n\tb\x07"), "a\n\tb\\u{7}");
        assert_eq!(one_line("permit\n  all things", 10), "permit al…");
        assert_eq!(clean("größe ☃"), "größe ☃");
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!([0, 1, 2].map(|n| counted(n, "host")), ["0 hosts", "1 host", "2 hosts"]);
    }
}
