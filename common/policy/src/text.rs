//! The outer shape of a text, read without Cedar's parser: where each rule stands and how deep it nests. It runs
//! first, so that a text which could exhaust the stack never reaches code that recurses.

use crate::limits::{DEPTH_MAX, NESTING_MAX, OPERATORS_MAX, RULES_MAX};
use std::ops::Range;

/// Why a text was not given to the parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ShapeError {
    #[error("brackets nest deeper than {NESTING_MAX} here: split the rule")]
    Nesting,
    #[error("an expression with more than {OPERATORS_MAX} operators begins here: use a list, a group, or more rules")]
    Operators,
    #[error("expressions nest deeper than {DEPTH_MAX} here: split the rule")]
    Depth,
    #[error("more than {RULES_MAX} rules are in one document: split it")]
    Rules,
}

/// Finds the rules of a text: from the first character that is neither space nor comment to the `;`, each. What
/// stands after the last `;` is no rule; the parser will say what it is.
pub(crate) fn rules(text: &str) -> Result<Vec<Range<usize>>, (usize, ShapeError)> {
    let mut rules = Vec::new();
    let mut start = None;
    let mut levels = vec![Level::at(0)];
    for (token, span) in Tokens::new(text) {
        let at = span.start;
        let begin = *start.get_or_insert(at);
        match token {
            Token::Open => {
                count(&mut levels, at, Level::operator)?;
                if levels.len() > NESTING_MAX {
                    return Err((at, ShapeError::Nesting));
                }
                levels.push(Level::at(at));
            }
            Token::Close => {
                if levels.len() > 1 {
                    levels.pop();
                }
            }
            Token::Operator => count(&mut levels, at, Level::operator)?,
            Token::Junction => count(&mut levels, at, Level::junction)?,
            Token::Comma => reset(&mut levels, at),
            Token::End if levels.len() == 1 => {
                if rules.len() >= RULES_MAX {
                    return Err((begin, ShapeError::Rules));
                }
                rules.push(begin..span.end);
                start = None;
                reset(&mut levels, span.end);
            }
            Token::End | Token::Other => {}
        }
    }
    Ok(rules)
}

/// Words and signs of a piece of text, without comments; strings are one each.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    Tokens::new(text).map(|(_, span)| text.get(span).unwrap_or(""))
}

/// How deep the expressions on one level of brackets nest into each other.
struct Level {
    /// Where the present expression began.
    from: usize,
    /// `&&`, `||`, `if`: each puts all that came before one deeper.
    junctions: usize,
    /// Other operators since the last junction.
    operators: usize,
}

impl Level {
    const fn at(from: usize) -> Self {
        Self { from, junctions: 0, operators: 0 }
    }

    fn junction(&mut self) {
        self.junctions += 1;
        self.operators = 0;
    }

    fn operator(&mut self) {
        self.operators += 1;
    }

    fn depth(&self) -> usize {
        self.junctions + self.operators
    }
}

/// A comma or the end of a rule begins a new expression.
fn reset(levels: &mut [Level], at: usize) {
    if let Some(level) = levels.last_mut() {
        *level = Level::at(at);
    }
}

fn count(levels: &mut [Level], at: usize, add: fn(&mut Level)) -> Result<(), (usize, ShapeError)> {
    if let Some(level) = levels.last_mut() {
        add(level);
        if level.depth() > OPERATORS_MAX {
            return Err((level.from, ShapeError::Operators));
        }
    }
    if levels.iter().map(Level::depth).sum::<usize>() > DEPTH_MAX {
        return Err((at, ShapeError::Depth));
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    Comma,
    /// `&&`, `||`, `if`, `then`, `else`, `when`, `unless`.
    Junction,
    /// Anything else that puts one expression into another.
    Operator,
    /// `;`
    End,
    Other,
}

/// Words and signs outside of comments and strings.
struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn skip_space_and_comments(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if !trimmed.starts_with("//") {
                return;
            }
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }
}

impl Iterator for Tokens<'_> {
    type Item = (Token, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        self.skip_space_and_comments();
        let rest = self.rest();
        let first = rest.chars().next()?;
        let (token, len) = match first {
            '(' | '[' | '{' => (Token::Open, 1),
            ')' | ']' | '}' => (Token::Close, 1),
            ',' => (Token::Comma, 1),
            ';' => (Token::End, 1),
            '"' => (Token::Other, string_len(rest)),
            c if c == '_' || c.is_alphanumeric() => {
                let len = rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len());
                let word = rest.get(..len).unwrap_or("");
                let token = match word {
                    "if" | "then" | "else" | "when" | "unless" => Token::Junction,
                    "in" | "has" | "like" | "is" => Token::Operator,
                    _ => Token::Other,
                };
                (token, len)
            }
            ':' | '?' | '@' => (Token::Other, 1),
            '&' | '|' if rest.starts_with("&&") || rest.starts_with("||") => (Token::Junction, 2),
            '=' | '!' | '<' | '>' if rest[1..].starts_with('=') => (Token::Operator, 2),
            c => (Token::Operator, c.len_utf8()),
        };
        let span = self.at..self.at + len;
        self.at = span.end;
        Some((token, span))
    }
}

/// The length of the string literal at the start, quotes included; to the end of the text when it is not closed.
fn string_len(rest: &str) -> usize {
    let mut escaped = false;
    for (i, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return i + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Line and column, from 1, in characters, of a byte position.
pub(crate) fn position(text: &str, byte: usize) -> (u32, u32) {
    let mut end = byte.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = text.get(..end).unwrap_or("");
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_found_between_comments_and_strings() {
        let text = "// a ; b\n@id(\"x;y\") permit(a);  // c\n forbid (b) when { \"\\\";\" };\n // end";
        let found: Vec<_> = rules(text).expect("shallow").into_iter().map(|span| &text[span]).collect();
        assert_eq!(found, ["@id(\"x;y\") permit(a);", "forbid (b) when { \"\\\";\" };"]);
    }

    #[test]
    fn positions_count_characters() {
        assert_eq!(position("äö\nüx", "äö\nü".len()), (2, 2));
        assert_eq!(position("", 7), (1, 1));
        assert_eq!(position("a\n", 2), (2, 1));
    }

    #[test]
    fn depth_is_refused_and_lists_are_not() {
        let deep = format!("permit{}", "(".repeat(1000));
        assert!(matches!(rules(&deep), Err((_, ShapeError::Nesting))));
        let long = format!("x when {{ true{} }};", " && true".repeat(1000));
        assert!(matches!(rules(&long), Err((_, ShapeError::Operators))));
        let ifs = format!("x when {{ {} true }};", "if a then b else ".repeat(1000));
        assert!(matches!(rules(&ifs), Err((_, ShapeError::Operators))));
        let calls = format!("x when {{ a{} }};", "[\"b\"]".repeat(1000));
        assert!(matches!(rules(&calls), Err((_, ShapeError::Operators))));
        let list = format!("x when {{ [{}].contains(1) }};", "\"abc\", ".repeat(1000));
        assert!(rules(&list).is_ok());
        let many = "permit(principal, action, resource);".repeat(RULES_MAX + 1);
        assert!(matches!(rules(&many), Err((_, ShapeError::Rules))));
    }
}
