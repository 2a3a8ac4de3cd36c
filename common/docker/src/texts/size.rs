//! How much the Engine will have to tell of what a request makes. It writes some characters longer than they came, and tells
//! some fields more than once; what it tells of one thing must be short enough to be looked at before something is done with it.

use crate::refusal::Refusal;
use serde_json::Value;

/// Checks that it is not more than `most` bytes.
///
/// # Errors
/// 413.
pub fn check(body: &Value, most: usize) -> Result<(), Refusal> {
    let size = told(body);
    if size <= most {
        return Ok(());
    }
    Err(Refusal::with(
        413,
        format!(
            "the engine would need {size} bytes to describe what is made, more than {most}: labels, environment and \
             commands of that size belong into files"
        ),
    ))
}

/// Bytes of it as Go writes JSON, which escapes what could be taken for HTML and JavaScript.
fn told(value: &Value) -> usize {
    match value {
        Value::Null => 4,
        Value::Bool(_) => 5,
        Value::Number(number) => number.to_string().len(),
        Value::String(text) => text_told(text),
        Value::Array(items) => items.iter().map(|item| told(item) + 1).sum::<usize>() + 2,
        Value::Object(members) => {
            members.iter().map(|(key, value)| text_told(key) + told(value) + 2).sum::<usize>() + 2
        }
    }
}

fn text_told(text: &str) -> usize {
    let told = |char: char| match char {
        '"' | '\\' | '\n' | '\r' | '\t' => 2,
        '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\u{fffd}' => 6,
        control if u32::from(control) < 0x20 => 6,
        char => char.len_utf8(),
    };
    text.chars().map(told).sum::<usize>() + 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MADE_MAX;
    use serde_json::json;

    #[test]
    fn what_go_writes_longer_counts_as_long() {
        let told_as = r#"{"a":["\u003c","\u2028","ä",12,false,null]}"#;
        // A comma behind each, too.
        assert_eq!(told(&json!({"a": ["<", "\u{2028}", "ä", 12, true, null]})), told_as.len() + 2);
        let labels = |text: &str, times| json!({"Labels": {"a": text.repeat(times)}});
        check(&labels("x", MADE_MAX - 64), MADE_MAX).expect("short enough");
        for long in [labels("x", MADE_MAX), labels("&", MADE_MAX / 6), labels("\u{2028}", MADE_MAX / 6)] {
            assert_eq!(check(&long, MADE_MAX).map_err(|refusal| refusal.status), Err(413));
        }
    }
}
