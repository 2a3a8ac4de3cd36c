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

/// The same of a JSON text, whose value stays the same: beyond ASCII, all characters stand in strings.
pub fn clean_json(json: String) -> String {
    if !json.chars().any(|c| acts(c) && c != '\n') {
        return json;
    }
    // None of them has more than four digits.
    spell(&json, |c| c == '\n', |c| format!("\\u{:04x}", u32::from(c)))
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
    spell(s, keep, |c| c.escape_unicode().to_string())
}

fn spell(s: &str, keep: impl Fn(char) -> bool, spelled: impl Fn(char) -> String) -> String {
    let mut out = String::with_capacity(s.len());
    for c in s.chars() {
        if acts(c) && !keep(c) {
            out.push_str(&spelled(c));
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
    fn json_says_the_same_without_what_drives_a_terminal() {
        let hostile = serde_json::json!({"na\u{9b}me": ["a\u{7f}b\u{202e}c", "größe ☃\n"]});
        let text = clean_json(serde_json::to_string_pretty(&hostile).expect("JSON"));
        assert!(text.chars().all(|c| c == '\n' || !acts(c)), "{text:?}");
        assert!(text.contains("\\u009b") && text.contains("\\u202e") && text.contains("größe ☃"), "{text:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).expect("JSON"), hostile);
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!([0, 1, 2].map(|n| counted(n, "host")), ["0 hosts", "1 host", "2 hosts"]);
    }
}
