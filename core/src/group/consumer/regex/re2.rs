//! From RE2's syntax to that of regex-syntax. Most of it is the same; what differs is rewritten, and what RE2 does not
//! know is refused.
//!
//! | | RE2 | regex-syntax | here |
//! | --- | --- | --- | --- |
//! | `\Q..\E` | literal text | unknown | escaped |
//! | `\012`, `\7` | octal with two or more digits; one is a back-reference | back-references | octal rewritten, back-references refused |
//! | `\<` and other punctuation | itself | partly assertions | escaped |
//! | `{` that begins no repetition | itself | error | escaped |
//! | `a**`, `a{2}{3}` | error | fine | refused |
//! | counts | up to 1000 | any | up to 1000 |
//! | `[`, `&&`, `--`, `~~` in a class | themselves | set operations | escaped |
//! | `(?x)`, `(?R)`, `(?u)` | error | flags | refused |

use alloc::collections::BTreeSet;
use alloc::string::String;

/// The largest count of a repetition.
const MAX_COUNT: u32 = 1_000;

/// The names of `[[:name:]]`.
const ASCII_CLASSES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "word", "xdigit",
];

/// Why an expression is none of RE2's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    #[error("invalid or unsupported group syntax")]
    Group,
    #[error("invalid escape sequence")]
    Escape,
    #[error("invalid nested repetition operator")]
    NestedRepetition,
    #[error("a repetition count above 1000")]
    Count,
    #[error("missing closing ]")]
    OpenClass,
    #[error("invalid character class range")]
    Class,
}

/// The expression in regex-syntax. What is wrong in both is left for regex-syntax to find.
pub fn translate(pattern: &str) -> Result<String, SyntaxError> {
    let out = String::with_capacity(pattern.len());
    let mut translation = Translation { rest: pattern, out, names: BTreeSet::new() };
    let mut repeats = false;
    while let Some(next) = translation.rest.chars().next() {
        let is_repetition = translation.take_repetition(next)?;
        if is_repetition && repeats {
            return Err(SyntaxError::NestedRepetition);
        }
        repeats = is_repetition;
        if !is_repetition {
            translation.take_other(next)?;
        }
    }
    Ok(translation.out)
}

struct Translation<'a> {
    rest: &'a str,
    out: String,
    /// Of groups.
    names: BTreeSet<&'a str>,
}

impl<'a> Translation<'a> {
    /// Takes a repetition operator with its mark of laziness, if one is next.
    fn take_repetition(&mut self, next: char) -> Result<bool, SyntaxError> {
        let length = match next {
            '*' | '+' | '?' => 1,
            '{' => match self.count_length()? {
                Some(length) => length,
                None => return Ok(false),
            },
            _ => return Ok(false),
        };
        self.copy(length);
        if self.rest.starts_with('?') {
            self.copy(1);
        }
        Ok(true)
    }

    /// The length of `{n}`, `{n,}` or `{n,m}`; none if it is something else.
    fn count_length(&self) -> Result<Option<usize>, SyntaxError> {
        let Some((inside, _)) = self.rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) else {
            return Ok(None);
        };
        let (least, most) =
            inside.split_once(',').map_or((inside, None), |(least, most)| (least, Some(most)));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(least) || most.is_some_and(|most| !most.is_empty() && !is_number(most)) {
            return Ok(None);
        }
        let is_small =
            |text: &str| text.is_empty() || text.parse().is_ok_and(|count: u32| count <= MAX_COUNT);
        if !is_small(least) || !most.is_none_or(is_small) {
            return Err(SyntaxError::Count);
        }
        Ok(Some(inside.len() + 2))
    }

    fn take_other(&mut self, next: char) -> Result<(), SyntaxError> {
        match next {
            '\\' => self.take_escape(),
            '[' => self.take_class(),
            '(' => self.take_group(),
            '{' => {
                self.skip(1);
                self.literal('{');
                Ok(())
            }
            other => {
                self.copy(other.len_utf8());
                Ok(())
            }
        }
    }

    /// `(`, `(?:`, `(?flags)`, `(?flags:`, `(?P<name>` or `(?<name>`.
    fn take_group(&mut self) -> Result<(), SyntaxError> {
        let Some(after) = self.rest.strip_prefix("(?") else {
            self.copy(1);
            return Ok(());
        };
        let named = after.strip_prefix('P').unwrap_or(after);
        if let Some(name) = named.strip_prefix('<') {
            let (name, _) = name.split_once('>').ok_or(SyntaxError::Group)?;
            let is_word = |symbol: char| symbol.is_ascii_alphanumeric() || symbol == '_';
            if name.is_empty() || !name.chars().all(is_word) || !self.names.insert(name) {
                return Err(SyntaxError::Group);
            }
            // Nobody asks for captures, and names of RE2 may begin with a digit.
            self.skip(self.rest.len() - named.len() + name.len() + 2);
            self.out.push('(');
            return Ok(());
        }
        let end = after.find([')', ':']).ok_or(SyntaxError::Group)?;
        let flags = after.get(..end).unwrap_or_default();
        if !flags.chars().all(|flag| matches!(flag, 'i' | 'm' | 's' | 'U' | '-')) {
            return Err(SyntaxError::Group);
        }
        self.copy(end + 3);
        Ok(())
    }

    /// An escape outside of a class.
    fn take_escape(&mut self) -> Result<(), SyntaxError> {
        if let Some(quoted) = self.rest.strip_prefix("\\Q") {
            let (text, rest) = quoted.split_once("\\E").unwrap_or((quoted, ""));
            self.rest = rest;
            text.chars().for_each(|symbol| self.literal(symbol));
            return Ok(());
        }
        match self.rest.chars().nth(1) {
            Some('A' | 'z' | 'b' | 'B') => self.copy(2),
            Some(_) => self.take_class_escape()?,
            None => return Err(SyntaxError::Escape),
        }
        Ok(())
    }

    /// An escape that may stand in a class: a class of its own, or one symbol.
    fn take_class_escape(&mut self) -> Result<(), SyntaxError> {
        match self.rest.chars().nth(1) {
            Some('d' | 'D' | 's' | 'S' | 'w' | 'W') => self.copy(2),
            Some('p' | 'P') => {
                let is_braced = self.rest.get(2..).is_some_and(|name| name.starts_with('{'));
                let end = if is_braced {
                    self.rest.find('}')
                } else {
                    self.rest.char_indices().nth(2).map(|(at, _)| at)
                };
                let end = end.ok_or(SyntaxError::Class)?;
                let last =
                    self.rest.get(end..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
                self.copy(end + last);
            }
            Some(_) | None => {
                let symbol = self.take_symbol()?;
                self.literal(symbol);
            }
        }
        Ok(())
    }

    /// One symbol, escaped or not.
    fn take_symbol(&mut self) -> Result<char, SyntaxError> {
        let mut symbols = self.rest.chars();
        let first = symbols.next().ok_or(SyntaxError::OpenClass)?;
        if first != '\\' {
            self.skip(first.len_utf8());
            return Ok(first);
        }
        let escaped = symbols.next().ok_or(SyntaxError::Escape)?;
        self.skip(1 + escaped.len_utf8());
        Ok(match escaped {
            '0'..='7' => return self.octal(escaped),
            'x' => return self.hexadecimal(),
            'a' => '\x07',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            symbol if symbol.is_ascii() && !symbol.is_ascii_alphanumeric() => symbol,
            _ => return Err(SyntaxError::Escape),
        })
    }

    /// Up to three digits; a single one other than 0 would be a back-reference.
    fn octal(&mut self, first: char) -> Result<char, SyntaxError> {
        let more = self.rest.bytes().take(2).take_while(|digit| (b'0'..=b'7').contains(digit)).count();
        if first != '0' && more == 0 {
            return Err(SyntaxError::Escape);
        }
        let digits = self.skip(more);
        let value = digits
            .chars()
            .fold(first.to_digit(8).unwrap_or(0), |value, digit| value * 8 + digit.to_digit(8).unwrap_or(0));
        char::from_u32(value).ok_or(SyntaxError::Escape)
    }

    /// Two digits, or any number of them in braces.
    fn hexadecimal(&mut self) -> Result<char, SyntaxError> {
        let digits = if self.rest.starts_with('{') {
            let end = self.rest.find('}').ok_or(SyntaxError::Escape)?;
            let braced = self.skip(end + 1);
            braced.trim_start_matches('{').trim_end_matches('}')
        } else {
            if self.rest.as_bytes().get(..2).is_none_or(|digits| !digits.is_ascii()) {
                return Err(SyntaxError::Escape);
            }
            self.skip(2)
        };
        let value = u32::from_str_radix(digits, 16).map_err(|_| SyntaxError::Escape)?;
        char::from_u32(value).ok_or(SyntaxError::Escape)
    }

    /// `[...]`: every symbol goes out escaped, so that none means more than in RE2.
    fn take_class(&mut self) -> Result<(), SyntaxError> {
        self.copy(1);
        if self.rest.starts_with('^') {
            self.copy(1);
        }
        let mut is_first = true;
        loop {
            match self.rest.chars().next() {
                None => return Err(SyntaxError::OpenClass),
                Some(']') if !is_first => {
                    self.copy(1);
                    return Ok(());
                }
                Some(_) => self.take_class_item()?,
            }
            is_first = false;
        }
    }

    fn take_class_item(&mut self) -> Result<(), SyntaxError> {
        if let Some((name, _)) = self.rest.strip_prefix("[:").and_then(|rest| rest.split_once(":]")) {
            if !ASCII_CLASSES.contains(&name.strip_prefix('^').unwrap_or(name)) {
                return Err(SyntaxError::Class);
            }
            self.copy(name.len() + 4);
            return Ok(());
        }
        let escaped = self.rest.strip_prefix('\\').and_then(|rest| rest.chars().next());
        if matches!(escaped, Some('d' | 'D' | 's' | 'S' | 'w' | 'W' | 'p' | 'P')) {
            return self.take_class_escape();
        }
        let low = self.take_symbol()?;
        self.literal(low);
        let is_range = self.rest.starts_with('-') && !self.rest.starts_with("-]");
        if is_range {
            self.copy(1);
            let high = self.take_symbol()?;
            if high < low {
                return Err(SyntaxError::Class);
            }
            self.literal(high);
        }
        Ok(())
    }

    /// Puts a symbol that means itself.
    fn literal(&mut self, symbol: char) {
        if regex_syntax::is_meta_character(symbol) {
            self.out.push('\\');
        }
        self.out.push(symbol);
    }

    fn copy(&mut self, length: usize) {
        let taken = self.skip(length);
        self.out.push_str(taken);
    }

    /// Passes over the next bytes; gives them.
    fn skip(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }
}
