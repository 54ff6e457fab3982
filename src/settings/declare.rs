//! What a declaration of a key says, and how declarations are written. Everything else that needs to know about keys -
//! their names, variables, suggestions, values and documentation - is made from them.

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
    #[cfg_attr(
        not(debug_assertions),
        expect(dead_code, reason = "for the documentation")
    )]
    Default(&'static str),
    /// 0, or less where that is within bounds, means the default.
    ZeroMeansDefault,
    /// A smaller number is raised to this one, with a note.
    RaisedTo(i64),
    /// What makes a text that can be used of one that was written.
    Parse(fn(&str) -> Result<String, Invalid>),
    /// The names in this mapping are those of such a thing, which has dashes in its name and no `_`.
    WithDashes(&'static str),
    /// It is an old name; this is said of it, and only the new one is shown.
    Deprecated(&'static str),
}

/// One key that is supported.
pub struct SettingKey {
    /// Its steps from the root. [`INDEX`] stands for any index, [`ANY`] for any key.
    pub path: &'static [&'static str],
    /// What its value must be.
    pub kind: Kind,
    /// As it would be written; empty where the type that it is read into has the default.
    pub default: &'static str,
    /// What is special about it.
    pub traits: &'static [Trait],
    /// What it does, in Markdown; empty for one that is documented with the key above it.
    #[cfg(debug_assertions)]
    pub doc: &'static str,
}

/// A key of the settings that are read into a `T`.
pub struct Declaration<T> {
    /// The key.
    pub key: SettingKey,
    /// Where its value goes; `None` in a `T` that has no place for it, such as the parameters of an
    /// alternative that was not chosen.
    pub field: fn(&mut T) -> Option<&mut dyn Setting>,
}

/// Declarations, each as
///
/// ```text
/// /// What it does, for the documentation.
/// path: Kind(bounds), default "as it would be written", [Trait, Trait] => |target| where the value goes;
/// ```
///
/// A key that has no field is read by code of its own; one without documentation is documented with the key
/// above it. Order counts where two keys meet in one field, and where settings are shown.
macro_rules! declarations {
    ($(
        $(#[doc = $doc:literal])*
        $first:ident $(. $step:tt)*: $kind:expr
            $(, default $default:literal)? $(, [$($trait:expr),+])? $(=> |$target:ident| $field:expr)?;
    )+) => {
        &[$(Declaration {
            key: SettingKey {
                path: &[stringify!($first) $(, stringify!($step))*],
                kind: $kind,
                default: concat!($($default)?),
                traits: &[$($($trait),+)?],
                #[cfg(debug_assertions)]
                doc: concat!($($doc),*),
            },
            field: declarations!(@field $(|$target| $field)?),
        }),+]
    };
    (@field) => { |_| None };
    (@field |$target:ident| $field:expr) => { |$target| Some(&mut $field) };
}
pub(crate) use declarations;

/// The step that stands for any index of a list.
pub const INDEX: &str = "#";
/// The step that stands for any key of a mapping.
pub const ANY: &str = "*";

/// What happens to a key that is known and not supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// It has no effect here, for this reason, and nothing is lost by that.
    Needless(&'static str),
    /// Something that was asked for will not happen: this.
    Unsupported(&'static str),
    /// Starting without it would be unsafe or wrong, for this reason.
    Refused(&'static str),
}

/// A section that is known and not supported, or some keys of one.
pub struct Group {
    /// The section, dotted.
    pub section: &'static str,
    /// What happens to it.
    pub support: Support,
    /// Dotted keys in the section, with spaces between them.
    pub keys: &'static str,
    /// Whether the section is meant as a whole, and reported once.
    pub is_whole: bool,
    /// Whether its value asks for anything, where that is not whether it is set and not off.
    pub asks: Option<fn(&Node) -> bool>,
}

/// Groups, each as `section: what happens to it, when it asks for anything => the keys in it`. With `keys` before it
/// the section is supported, and only those keys are not. Whatever is set and not off asks for something, where
/// nothing else is said.
macro_rules! groups {
    ($($($keys:ident)? $section:literal: $support:expr $(, when $asks:expr)? => $names:expr;)+) => {
        &[$(Group {
            section: $section,
            support: $support,
            keys: $names,
            is_whole: stringify!($($keys)?).is_empty(),
            asks: groups!(@asks $($asks)?),
        }),+]
    };
    (@asks) => { None };
    (@asks $asks:expr) => { Some($asks) };
}
pub(crate) use groups;

impl Group {
    /// Whether a value asks for anything: what is switched off, or has no address to go to, does nothing in
    /// distribution either, and is not reported.
    pub fn asks(&self, node: &Node) -> bool {
        match (self.asks, self.support) {
            (Some(asks), _) => asks(node),
            (None, Support::Refused(_)) => !node.is_unset(),
            (None, _) => !node.is_off(),
        }
    }
}

impl SettingKey {
    /// What must be set here, if anything.
    pub fn required(&self) -> Option<&'static str> {
        self.find(|found| match found {
            Trait::Required(allowed) => Some(*allowed),
            _ => None,
        })
    }

    /// The text that is used for the one that was written.
    pub fn parse(&self, text: &str) -> Result<String, Invalid> {
        let parse = self.find(|found| match found {
            Trait::Parse(parse) => Some(parse),
            _ => None,
        });
        parse.map_or(Ok(text.to_owned()), |parse| parse(text))
    }

    /// What is said of it where it is an old name.
    pub fn deprecated(&self) -> Option<&'static str> {
        self.find(|found| match found {
            Trait::Deprecated(message) => Some(*message),
            _ => None,
        })
    }

    /// What one of its traits says.
    pub fn find<T>(&self, says: fn(&'static Trait) -> Option<T>) -> Option<T> {
        self.traits.iter().find_map(says)
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
