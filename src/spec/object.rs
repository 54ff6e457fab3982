//! JSON objects that must be objects, with the names of their members in any case, as in Go.
//!
//! A derived deserializer also accepts an array, its elements taken as the members in order. No
//! other reader of manifests does, and what is stored must mean the same to all of them. Go accepts the
//! names of members in any case: so does this, and a name that occurs twice in different cases is a duplicate.

use super::json::Known;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, MapAccess};

/// Implements `Deserialize`, from objects only, for a type that derives it with
/// `#[serde(remote = "Self")]` and has members of these names.
macro_rules! only {
    ($type:ty, $names:expr) => {
        impl<'de> ::serde::Deserialize<'de> for $type {
            fn deserialize<D: ::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<$type, D::Error> {
                use ::serde::de::{MapAccess, Visitor, value::MapAccessDeserializer};

                struct ObjectVisitor;

                impl<'de> Visitor<'de> for ObjectVisitor {
                    type Value = $type;

                    fn expecting(&self, out: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                        out.write_str("an object")
                    }

                    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<$type, A::Error> {
                        let members = $crate::spec::object::Named {
                            members,
                            names: $names,
                        };
                        // The derived deserializer, an inherent function.
                        <$type>::deserialize(MapAccessDeserializer::new(members))
                    }
                }

                deserializer.deserialize_map(ObjectVisitor)
            }
        }
    };
}

pub(super) use only;

/// Members under the known spelling of their names; unknown ones have an empty name.
pub(super) struct Named<A> {
    pub(super) members: A,
    pub(super) names: &'static [&'static str],
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Named<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        let Some(index) = self.members.next_key_seed(Known(self.names))? else {
            return Ok(None);
        };
        let name = index.and_then(|index| self.names.get(index));
        let name = StrDeserializer::new(name.copied().unwrap_or_default());
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.members.next_value_seed(seed)
    }
}
