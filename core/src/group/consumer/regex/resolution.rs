//! Finding the topics of a group's regular expressions: all of them against all names, a slice at a time.

use alloc::string::String;
use alloc::vec::Vec;

use super::pattern::Pattern;
use crate::catalogue::image::Image;
use crate::protocol::Str;

/// What one slice may cost, in steps of the engine: some milliseconds at worst.
const SLICE: usize = 200_000;

/// What compiling an expression counts as.
const COMPILING: usize = 50_000;

/// A resolution under way.
#[derive(Debug)]
pub struct Resolution {
    /// The catalogue's change at which it began.
    pub version: u64,
    /// Expressions to come, the next one last.
    todo: Vec<Str>,
    current: Option<Current>,
    done: Vec<(Str, Vec<Str>)>,
}

/// The expression that is being matched.
#[derive(Debug)]
struct Current {
    regex: Str,
    pattern: Pattern,
    /// The first name to come.
    next: String,
    topics: Vec<Str>,
}

impl Resolution {
    /// Of these expressions.
    pub fn new(mut regexes: Vec<Str>, image: &Image) -> Resolution {
        regexes.reverse();
        Resolution { version: image.change_number(), todo: regexes, current: None, done: Vec::new() }
    }

    /// Goes on for a slice. Gives the topics of each expression once all are known. One that cannot be compiled, which
    /// only a log of another version could hold, has none.
    pub fn advance(&mut self, image: &Image) -> Option<Vec<(Str, Vec<Str>)>> {
        let mut spent = 0;
        while spent < SLICE {
            match self.current.take() {
                Some(current) => self.go_on(current, image, &mut spent),
                None => {
                    let Some(regex) = self.todo.pop() else { return Some(core::mem::take(&mut self.done)) };
                    spent += COMPILING;
                    self.begin(regex);
                }
            }
        }
        None
    }

    fn begin(&mut self, regex: Str) {
        match Pattern::new(&regex) {
            Ok(pattern) => {
                self.current = Some(Current { regex, pattern, next: String::new(), topics: Vec::new() });
            }
            Err(_) => self.done.push((regex, Vec::new())),
        }
    }

    /// Matches names until the slice is spent or there are no more.
    fn go_on(&mut self, mut current: Current, image: &Image, spent: &mut usize) {
        let from = core::mem::take(&mut current.next);
        for topic in image.topics_from(&from) {
            if *spent >= SLICE {
                current.next = String::from(topic.name.as_str());
                self.current = Some(current);
                return;
            }
            *spent += current.pattern.cost(&topic.name);
            if current.pattern.matches(&topic.name) {
                current.topics.push(topic.name.detach());
            }
        }
        self.done.push((current.regex, current.topics));
    }
}
