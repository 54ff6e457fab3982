//! JSON objects that are objects.
//!
//! A derived reader also takes an array, its elements standing for the members in their order. No
//! other reader of manifests does, and what is stored must mean the same to all of them.

/// Implements `Deserialize`, from objects alone, for types that derive it with
/// `#[serde(remote = "Self")]`.
macro_rules! only {
    ($($type:ty),*) => {$(
        impl<'de> ::serde::Deserialize<'de> for $type {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                use ::serde::de::{MapAccess, Visitor, value::MapAccessDeserializer};

                struct Object;

                impl<'de> Visitor<'de> for Object {
                    type Value = $type;

                    fn expecting(&self, out: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                        out.write_str("an object")
                    }

                    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<$type, A::Error> {
                        // The derived reader, an inherent function.
                        <$type>::deserialize(MapAccessDeserializer::new(members))
                    }
                }

                deserializer.deserialize_map(Object)
            }
        }
    )*};
}

pub(super) use only;
