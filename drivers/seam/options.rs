//! Options of an address as what a driver's configuration says they are: text that is parsed as the field's type. So `12`
//! is a number for a size and a name for a replica set.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::value::{Error, MapDeserializer, StrDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Visitor};

use crate::seam::redaction::is_secret;

/// The configuration of a store without options: any is refused.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoOptions {}

/// An option that other clients of a store's protocol know, so that it stands in addresses as people have them.
pub(crate) struct ForeignOption {
    /// Its name, in whatever case.
    pub(crate) name: &'static str,
    /// The values that this is about; all if there are none. The first entry that fits decides.
    pub(crate) values: &'static [&'static str],
    pub(crate) treatment: Treatment,
}

/// What becomes of an option of other clients.
pub(crate) enum Treatment {
    /// It is one of ours of this name.
    Honoured(&'static str),
    /// It changes nothing: it is recorded with what it comes to here.
    Recorded(&'static str),
    /// It is refused, with what to write instead.
    Refused(&'static str),
}

/// Options that change nothing, as they stand among a store's settings: each by its name with what it comes to here.
pub(crate) type RecordedOptions = BTreeMap<String, String>;

/// Reads a configuration from options of which some are other clients'.
pub(crate) fn sort_out<'de, D: Deserializer<'de>, C: DeserializeOwned>(
    options: D,
    foreign: &[ForeignOption],
) -> Result<(C, RecordedOptions), D::Error> {
    let (mut own, mut recorded) = (Vec::new(), RecordedOptions::new());
    for (name, value) in GivenOptions::deserialize(options)?.0 {
        let fits = |known: &&ForeignOption| {
            known.name.eq_ignore_ascii_case(&name) && (known.values.is_empty() || known.values.contains(&&*value))
        };
        let shown = if is_secret(&name) { "***" } else { &value };
        match foreign.iter().find(fits).map(|known| &known.treatment) {
            None => own.push((name, value)),
            Some(Treatment::Honoured(ours)) => own.push(((*ours).to_owned(), value)),
            Some(Treatment::Recorded(meaning)) => {
                recorded.insert(format!("url.{name}"), format!("{shown}: {meaning}"));
            }
            Some(Treatment::Refused(instead)) => {
                return Err(D::Error::custom(format_args!("{name}={shown} is not for storebench: {instead}")));
            }
        }
    }
    let fields = own.iter().map(|(name, value)| (name.as_str(), OptionText(value)));
    let config = C::deserialize(MapDeserializer::<_, Error>::new(fields)).map_err(D::Error::custom)?;
    Ok((config, recorded))
}

/// Options with their values, as text and in order.
struct GivenOptions(Vec<(String, String)>);

impl<'de> Deserialize<'de> for GivenOptions {
    fn deserialize<D: Deserializer<'de>>(options: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = GivenOptions;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("options with their values")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<GivenOptions, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(GivenOptions(pairs))
            }
        }
        options.deserialize_map(Pairs)
    }
}

/// The value of an option as it was written.
pub(super) struct OptionText<'a>(pub(super) &'a str);

impl<'de> IntoDeserializer<'de, Error> for OptionText<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! parsed {
    ($($deserialize:ident $visit:ident $what:literal,)+) => {
        $(fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.0.parse() {
                Ok(value) => visitor.$visit(value),
                Err(_) => Err(Error::custom(format_args!("`{}` is not {}", self.0, $what))),
            }
        })+
    };
}

impl<'de> Deserializer<'de> for OptionText<'_> {
    type Error = Error;

    parsed! {
        deserialize_bool visit_bool "true or false",
        deserialize_i8 visit_i8 "a whole number",
        deserialize_i16 visit_i16 "a whole number",
        deserialize_i32 visit_i32 "a whole number",
        deserialize_i64 visit_i64 "a whole number",
        deserialize_u8 visit_u8 "a whole number from 0 on",
        deserialize_u16 visit_u16 "a whole number from 0 on",
        deserialize_u32 visit_u32 "a whole number from 0 on",
        deserialize_u64 visit_u64 "a whole number from 0 on",
        deserialize_f32 visit_f32 "a number",
        deserialize_f64 visit_f64 "a number",
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        StrDeserializer::new(self.0).deserialize_enum(name, variants, visitor)
    }

    serde::forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
