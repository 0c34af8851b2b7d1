//! What is declared, as data: for tests against Kafka's own schemas, for generators and for printing.

use super::version::VersionRange;

/// A message as declared.
#[derive(Clone, Copy, Debug)]
pub struct MessageInfo {
    /// Its fields and name.
    pub body: &'static StructInfo,
    /// The versions we read and write.
    pub versions: VersionRange,
    /// The versions with compact lengths and tagged sections.
    pub flexible: VersionRange,
}

/// A struct as declared.
#[derive(Debug)]
pub struct StructInfo {
    /// Kafka's name.
    pub name: &'static str,
    /// In wire order; those with a tag last.
    pub fields: &'static [FieldInfo],
}

/// A field as declared.
#[derive(Clone, Copy, Debug)]
pub struct FieldInfo {
    /// Kafka's name in snake_case.
    pub name: &'static str,
    /// The type of its values.
    pub ty: FieldType,
    /// The versions that have it.
    pub versions: VersionRange,
    /// The versions in which it may be null.
    pub nullable: VersionRange,
    /// Its value where the version lacks it, as Rust source; `None` where zero, empty or false.
    pub default: Option<&'static str>,
    /// Its tag, if it is a tagged field.
    pub tag: Option<u32>,
    /// Whether a value may be dropped when a version lacks the field.
    pub ignorable: bool,
}

/// The type of a field.
#[derive(Clone, Copy, Debug)]
pub enum FieldType {
    /// One byte, non-zero for true.
    Bool,
    /// One byte.
    Int8,
    /// Two bytes, as all numbers big-endian.
    Int16,
    /// Four bytes.
    Int32,
    /// Eight bytes.
    Int64,
    /// Sixteen bytes.
    Uuid,
    /// UTF-8 with a length of two bytes or compact.
    String,
    /// Bytes with a length of four bytes or compact.
    Bytes,
    /// Record batches, framed as bytes.
    Records,
    /// Elements with a count of four bytes or compact.
    Array(&'static FieldType),
    /// The fields of the struct one after the other.
    Struct(&'static StructInfo),
}
