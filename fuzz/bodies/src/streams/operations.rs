//! What happens to a node, as the fuzzer's bytes say it.

use arbitrary::Arbitrary;

/// One operation. Connections are meant by their place among those that there are.
#[derive(Debug, Arbitrary)]
pub enum Operation<'a> {
    /// A client connects to a shard.
    Connect { shard: u8 },
    /// A client sends these bytes.
    Raw { conn: u8, bytes: &'a [u8] },
    /// A client sends a frame with a good header and this body.
    Frame { conn: u8, key: u8, version: u8, body: &'a [u8] },
    /// A client sends a request that a seed makes up.
    Random { conn: u8, key: u8, version: u8, seed: u16 },
    /// A client sends a request that has a meaning here.
    Likely { conn: u8, version: u8, request: Likely },
    /// So many bytes of those that were sent arrive, if the machine reads them.
    Arrive { conn: u8, bytes: u16 },
    /// All bytes that were sent arrive, in pieces of this size.
    ArriveAll { conn: u8, pieces: u8 },
    /// The client takes so many bytes of its answers.
    Take { conn: u8, bytes: u16 },
    /// The client is gone.
    HangUp { conn: u8 },
    /// The engine answers so many commands of a shard.
    Engine { shard: u8, answers: u8 },
    /// Appends begin to fail, or work again.
    Appends { fail: bool, full: bool },
    /// Time passes, and everything happens that is due meanwhile.
    Pass(Time),
    /// The node is gone without a word, and starts anew.
    Crash,
}

/// How much time passes.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub enum Time {
    Milliseconds(u8),
    Seconds(u8),
    Minutes(u8),
}

/// A request about topics `t0` to `t2` and groups `g0` and `g1`.
#[derive(Clone, Copy, Debug, Arbitrary)]
pub struct Likely {
    pub kind: u8,
    pub name: u8,
    pub partition: u8,
    pub number: i8,
    pub flags: u8,
}
