//! One compiled expression. Everything is bounded: how long an expression may be, how large it may become, and what a
//! match costs, since the engine takes each byte of a name through each of its states once and never goes back.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use regex_automata::nfa::thompson::pikevm::{Cache, PikeVM};
use regex_automata::nfa::thompson::{Config, NFA, WhichCaptures};
use regex_automata::{Anchored, Input};
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Look, Repetition};

use super::re2;

/// How long an expression may be, in bytes.
const MAX_LENGTH: usize = 4_096;

/// How deep its groups may be nested.
const MAX_DEPTH: u32 = 100;

/// How long the name of a topic is at most.
const LONGEST_NAME: u32 = 249;

/// How large it may become, in bytes: about 2,500 states.
const MAX_SIZE: usize = 64 << 10;

/// A compiled expression that matches whole topic names.
#[derive(Debug)]
pub struct Pattern {
    engine: PikeVM,
    cache: Cache,
}

impl Pattern {
    /// Compiles an expression.
    ///
    /// # Errors
    /// It is none of RE2's (look-around and back-references are not), or too large; the text says which.
    pub fn new(expression: &str) -> Result<Pattern, String> {
        if expression.len() > MAX_LENGTH {
            return Err(format!("it has more than {MAX_LENGTH} bytes"));
        }
        let translated = re2::translate(expression).map_err(|error| error.to_string())?;
        let hir = regex_syntax::ParserBuilder::new()
            .nest_limit(MAX_DEPTH)
            .build()
            .parse(&translated)
            .map_err(|error| reason(&error))?;
        let whole = Hir::concat(Vec::from([ascii(&hir), Hir::look(Look::End)]));
        let config =
            Config::new().nfa_size_limit(Some(MAX_SIZE)).which_captures(WhichCaptures::None).utf8(false);
        let nfa = NFA::compiler().configure(config).build_from_hir(&whole);
        let engine = nfa.and_then(PikeVM::new_from_nfa).map_err(|_| "it is too large".to_string())?;
        let cache = engine.create_cache();
        Ok(Pattern { engine, cache })
    }

    /// Whether it matches all of a topic's name.
    pub fn matches(&mut self, name: &str) -> bool {
        self.engine.is_match(&mut self.cache, Input::new(name).anchored(Anchored::Yes))
    }

    /// The most steps that a match with this name takes.
    pub fn cost(&self, name: &str) -> usize {
        self.engine.get_nfa().states().len().saturating_mul(name.len().saturating_add(1))
    }
}

/// The kind of an error, without the expression that was rewritten for the engine.
fn reason(error: &regex_syntax::Error) -> String {
    match error {
        regex_syntax::Error::Parse(error) => error.kind().to_string(),
        regex_syntax::Error::Translate(error) => error.kind().to_string(),
        _ => "it cannot be read".to_string(),
    }
}

/// What is left of an expression where all text is ASCII, as names of topics are: classes of Unicode become small.
fn ascii(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) if literal.0.is_ascii() => Hir::literal(literal.0.clone()),
        HirKind::Literal(_) => Hir::fail(),
        HirKind::Class(Class::Unicode(class)) => {
            let mut class = class.clone();
            class.intersect(&ClassUnicode::new([ClassUnicodeRange::new('\0', '\x7f')]));
            Hir::class(Class::Unicode(class))
        }
        HirKind::Class(Class::Bytes(class)) => Hir::class(Class::Bytes(class.clone())),
        HirKind::Look(Look::WordUnicode) => Hir::look(Look::WordAscii),
        HirKind::Look(Look::WordUnicodeNegate) => Hir::look(Look::WordAsciiNegate),
        HirKind::Look(look) => Hir::look(*look),
        HirKind::Repetition(repetition) => {
            // More often than a name is long it cannot match anything.
            let max = repetition.max.map(|max| max.min(LONGEST_NAME.max(repetition.min)));
            Hir::repetition(Repetition { max, sub: ascii(&repetition.sub).into(), ..repetition.clone() })
        }
        HirKind::Capture(capture) => ascii(&capture.sub),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(ascii).collect()),
        HirKind::Alternation(choices) => Hir::alternation(choices.iter().map(ascii).collect()),
    }
}

#[cfg(test)]
mod tests;
