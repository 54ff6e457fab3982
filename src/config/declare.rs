//! What a declaration of a key says. Everything else that needs to know about keys - their names, variables,
//! suggestions, values, `check-config` and the tables of docs/configuration.md - is made from the
//! declarations in `keys.rs` and `unsupported.rs`.

use super::draft::Draft;
use super::setting::Setting;
use super::value::Invalid;
use crate::time::duration;
use crate::yaml::Node;
use std::time::Duration;

/// What a value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// A path of the file system.
    Path,
    /// One of a few words, in any case.
    Word,
    /// True or false, in any of YAML 1.1's words.
    Boolean,
    /// A whole number within bounds.
    Integer(i64, i64),
    /// A number of bytes within bounds; `KiB`, `MiB` and `GiB` may follow it.
    Bytes(i64, i64),
    /// A duration in Go's form within bounds.
    Duration(Duration, Duration),
    /// A list of texts; a single text stands for a list of one.
    Texts,
    /// A mapping whose keys the user chooses.
    Map,
    /// A list of mappings.
    List,
    /// Anything; it is not looked into.
    Any,
}

/// What is special about a key.
pub enum Trait {
    /// Distribution does not know it.
    Own,
    /// Distribution takes a number without a unit for nanoseconds, so it is taken so here.
    InNanoseconds,
    /// People count it in hours.
    InHours,
    /// Distribution ignores a value in quotes; where this is not said it does not start with one.
    IgnoredInQuotes,
    /// Distribution takes a value in quotes as well.
    TakenInQuotes,
    /// It must be set where its section is; this is what is allowed.
    Required(&'static str),
    /// How the documentation writes a default that depends on the machine.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the documentation"))]
    Default(&'static str),
    /// What distribution does differently.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the documentation"))]
    Distribution(&'static str),
    /// What makes a text that can be used of one that was written.
    Parse(fn(&str) -> Result<String, Invalid>),
    /// It is an old name; this is said of it, and `check-config` shows the new one.
    Deprecated(&'static str),
}

/// One key that is supported.
pub struct Declaration {
    /// Its steps from the root. [`INDEX`] stands for any index, [`ANY`] for any key.
    pub path: &'static [&'static str],
    /// What its value must be.
    pub kind: Kind,
    /// As it would be written; empty where the configuration of the room that it is for has the default.
    pub default: &'static str,
    /// What is special about it.
    pub traits: &'static [Trait],
    /// What it does, in Markdown; empty for one that is documented with the key above it.
    #[cfg(test)]
    pub doc: &'static str,
    /// Where its value goes; `None` in a configuration that has no place for it, such as the
    /// parameters of another kind of `auth`.
    pub field: fn(&mut Draft) -> Option<&mut dyn Setting>,
}

/// The step that stands for any index of a list.
pub const INDEX: &str = "#";
/// The step that stands for any key of a mapping.
pub const ANY: &str = "*";

/// What happens to a key of distribution's that is not supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// It has no effect here, for this reason, and nothing is lost by that.
    Needless(&'static str),
    /// Something that was asked for will not happen: this.
    Unsupported(&'static str),
    /// Starting without it would be unsafe or wrong, for this reason.
    Refused(&'static str),
}

/// A section of distribution's that is not supported, or some keys of one.
pub struct Group {
    /// The section, dotted.
    pub section: &'static str,
    /// What happens to it.
    pub support: Support,
    /// Dotted keys in the section, with spaces between them.
    pub keys: &'static str,
    /// Whether the section is meant as a whole, and reported once.
    pub is_whole: bool,
    /// Whether its value asks for anything: what is switched off, or has no address to go to, does
    /// nothing in distribution either, and is not reported.
    pub asks: fn(&Node) -> bool,
}

impl Declaration {
    /// What must be set here, if anything.
    pub fn required(&self) -> Option<&'static str> {
        self.traits.iter().find_map(|found| match found {
            Trait::Required(allowed) => Some(*allowed),
            _ => None,
        })
    }

    /// The text that is used for the one that was written.
    pub fn parse(&self, text: String) -> Result<String, Invalid> {
        let parse = self.traits.iter().find_map(|found| match found {
            Trait::Parse(parse) => Some(parse),
            _ => None,
        });
        parse.map_or(Ok(text.clone()), |parse| parse(&text))
    }

    /// What is said of it where it is an old name.
    pub fn deprecated(&self) -> Option<&'static str> {
        self.traits.iter().find_map(|found| match found {
            Trait::Deprecated(message) => Some(*message),
            _ => None,
        })
    }

    /// Whether this is one of its traits.
    pub fn has(&self, is_it: fn(&Trait) -> bool) -> bool {
        self.traits.iter().any(is_it)
    }
}

impl Kind {
    /// Whether a value of this kind may be any text, so that one that YAML reads otherwise is meant as
    /// it was written.
    pub fn is_text(self) -> bool {
        matches!(self, Kind::Text | Kind::Path)
    }

    /// What is allowed, for a message.
    pub fn allowed(self) -> String {
        match self {
            Kind::Text | Kind::Path | Kind::Word => "a string".to_owned(),
            Kind::Boolean => "true or false".to_owned(),
            Kind::Integer(min, max) => format!("a whole number from {min} to {max}"),
            Kind::Bytes(min, max) => {
                format!("a number of bytes from {min} to {max}, such as 65536 or 64KiB")
            }
            Kind::Duration(min, max) => format!(
                "a duration from {} to {}, such as 90s, 1m30s or 168h",
                duration::format(min),
                duration::format(max)
            ),
            Kind::Texts => "a list of strings".to_owned(),
            Kind::Map => "a mapping".to_owned(),
            Kind::List => "a list of mappings".to_owned(),
            Kind::Any => "anything".to_owned(),
        }
    }
}
