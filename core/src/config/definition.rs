//! What is known of one configuration key.

/// What a configuration belongs to, with Kafka's codes (`ConfigResource.Type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// A topic, by name.
    Topic,
    /// A node, by id; the empty name is the default of all nodes.
    Broker,
    /// A client metrics subscription (KIP-714), by name.
    ClientMetrics,
    /// A group, by id.
    Group,
}

impl Resource {
    /// The resource of a code on the wire; none for loggers and for codes Kafka does not have.
    pub fn from_code(code: i8) -> Option<Resource> {
        match code {
            2 => Some(Resource::Topic),
            4 => Some(Resource::Broker),
            16 => Some(Resource::ClientMetrics),
            32 => Some(Resource::Group),
            _ => None,
        }
    }

    /// The code on the wire.
    pub fn code(self) -> i8 {
        match self {
            Resource::Topic => 2,
            Resource::Broker => 4,
            Resource::ClientMetrics => 16,
            Resource::Group => 32,
        }
    }
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Bool,
    String,
    Int,
    Short,
    Long,
    Double,
    List,
    Class,
    Password,
}

impl Kind {
    /// The code in a DescribeConfigs answer, v3 and later (`DescribeConfigsResponse.ConfigType`); 0 there is a key without
    /// a definition.
    pub fn code(self) -> i8 {
        match self {
            Kind::Bool => 1,
            Kind::String => 2,
            Kind::Int => 3,
            Kind::Short => 4,
            Kind::Long => 5,
            Kind::Double => 6,
            Kind::List => 7,
            Kind::Class => 8,
            Kind::Password => 9,
        }
    }

    /// The name that Kafka's messages use (`ConfigDef.Type`).
    pub fn name(self) -> &'static str {
        match self {
            Kind::Bool => "BOOLEAN",
            Kind::String => "STRING",
            Kind::Int => "INT",
            Kind::Short => "SHORT",
            Kind::Long => "LONG",
            Kind::Double => "DOUBLE",
            Kind::List => "LIST",
            Kind::Class => "CLASS",
            Kind::Password => "PASSWORD",
        }
    }
}

/// What a value must satisfy beyond its type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Check {
    /// Nothing.
    Any,
    /// A number not below this.
    AtLeast(i64),
    /// A number within these, both included.
    Between(i64, i64),
    /// -1, or a gzip level from 1 to 9.
    GzipLevel,
    /// One of these, case as given.
    OneOf(&'static [&'static str]),
    /// One of these, in any case.
    OneOfAnyCase(&'static [&'static str]),
    /// A list without empty items, each one of these (any item when there are none); repeated items are dropped.
    Items(&'static [&'static str]),
    /// `*`, or a list of `partition:broker`.
    ThrottledReplicas,
    /// `earliest`, `latest` or `by_duration:` with an ISO 8601 duration.
    OffsetReset,
    /// A list of `address:count`.
    AddressCounts,
}

/// When a broker key may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// At start-up only.
    ReadOnly,
    /// While running, for one node.
    PerBroker,
    /// While running, for one node or for all.
    ClusterWide,
}

/// Whether a key does something here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It does what Kafka's documentation says.
    Acts,
    /// It is checked, kept and shown, and does nothing, for this reason.
    Reported(&'static str),
}

/// How a broker key's unit turns into that of the topic key that follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// As it is.
    Same,
    /// Minutes into milliseconds.
    Minutes,
    /// Hours into milliseconds.
    Hours,
}

/// A broker key that stands in for a key which is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Synonym {
    /// The broker key.
    pub name: &'static str,
    /// Its unit.
    pub unit: Unit,
}

/// One configuration key. Built by the functions below, so that a table reads as one line for each key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Definition {
    /// As Kafka writes it.
    pub name: &'static str,
    /// The type.
    pub kind: Kind,
    /// What holds when nobody has set it; none is Kafka's null.
    pub default: Option<&'static str>,
    /// What a value must satisfy.
    pub check: Check,
    /// When it may be changed. Keys of topics, groups and client metrics always may.
    pub update: Update,
    /// Whether it does something here.
    pub effect: Effect,
    /// Broker keys that give the default, the first that is set wins (`ServerTopicConfigSynonyms`, `GroupConfig`).
    pub follows: &'static [Synonym],
    /// Not listed as long as nobody has set it.
    pub hidden: bool,
    /// One or two sentences for a person.
    pub documentation: &'static str,
}

impl Definition {
    /// A key that acts, is read-only and may have any value of its type.
    pub const fn new(
        name: &'static str,
        kind: Kind,
        default: Option<&'static str>,
        documentation: &'static str,
    ) -> Definition {
        Definition {
            name,
            kind,
            default,
            check: Check::Any,
            update: Update::ReadOnly,
            effect: Effect::Acts,
            follows: &[],
            hidden: false,
            documentation,
        }
    }

    /// With a condition on its values.
    pub const fn check(mut self, check: Check) -> Definition {
        self.check = check;
        self
    }

    /// Not below `min`.
    pub const fn at_least(self, min: i64) -> Definition {
        self.check(Check::AtLeast(min))
    }

    /// Within `min..=max`.
    pub const fn between(self, min: i64, max: i64) -> Definition {
        self.check(Check::Between(min, max))
    }

    /// With broker keys that give its default, newest first.
    pub const fn follows(mut self, follows: &'static [Synonym]) -> Definition {
        self.follows = follows;
        self
    }

    /// Changeable while running, for one node or all.
    pub const fn dynamic(mut self) -> Definition {
        self.update = Update::ClusterWide;
        self
    }

    /// Without effect here, for a reason.
    pub const fn reported(mut self, why: &'static str) -> Definition {
        self.effect = Effect::Reported(why);
        self
    }

    /// Not listed as long as nobody has set it.
    pub const fn hidden(mut self) -> Definition {
        self.hidden = true;
        self
    }

    /// Whether its value is a secret: never sent, never logged.
    pub fn sensitive(&self) -> bool {
        self.kind == Kind::Password
    }
}

/// A synonym in the same unit.
pub const fn same(name: &'static str) -> Synonym {
    Synonym { name, unit: Unit::Same }
}
