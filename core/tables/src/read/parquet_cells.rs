//! A row of Parquet values as a serde deserializer.

use parquet::record::{Field, Row};
use serde::de::value::{StrDeserializer, StringDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};

use crate::misfit::Misfit;

/// One row, or one struct within a row: an object with a value for each column.
pub(super) struct Columns<'a>(pub(super) &'a Row);

impl<'de> Deserializer<'de> for Columns<'de> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let row = self.0;
        let entries = Entries { entries: row.get_column_iter(), value: None };
        visitor
            .visit_map(entries)
            .map_err(|misfit| misfit.among(row.get_column_iter().map(|(name, _)| name.as_str())))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct Entries<'a, I> {
    entries: I,
    value: Option<(&'a str, &'a Field)>,
}

impl<'de, I: Iterator<Item = (&'de String, &'de Field)>> MapAccess<'de> for Entries<'de, I> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Misfit> {
        let Some((name, field)) = self.entries.next() else {
            return Ok(None);
        };
        self.value = Some((name, field));
        let key: StrDeserializer<'de, Misfit> = name.as_str().into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Misfit> {
        let (name, field) = self.value.take().expect("a value is asked for after its key");
        seed.deserialize(Cell(field)).map_err(|misfit| misfit.inside(name))
    }
}

/// The pairs of a map column. Keys that are not text take their text form.
struct Pairs<'a> {
    pairs: std::slice::Iter<'a, (Field, Field)>,
    value: Option<(String, &'a Field)>,
}

impl<'de> MapAccess<'de> for Pairs<'de> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Misfit> {
        let Some((key, value)) = self.pairs.next() else {
            return Ok(None);
        };
        let key = match key {
            Field::Str(text) => text.clone(),
            Field::Bytes(bytes) => utf8(bytes.data())?.to_owned(),
            other => other.to_string(),
        };
        self.value = Some((key.clone(), value));
        let key: StringDeserializer<Misfit> = key.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Misfit> {
        let (key, value) = self.value.take().expect("a value is asked for after its key");
        seed.deserialize(Cell(value)).map_err(|misfit| misfit.inside(key))
    }
}

struct Elements<'a> {
    elements: &'a [Field],
    next: usize,
}

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = Misfit;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Misfit> {
        let index = self.next;
        let Some(element) = self.elements.get(index) else {
            return Ok(None);
        };
        self.next += 1;
        seed.deserialize(Cell(element)).map(Some).map_err(|misfit| misfit.inside(index.to_string()))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.elements.len() - self.next)
    }
}

/// One value.
struct Cell<'a>(&'a Field);

impl<'de> Deserializer<'de> for Cell<'de> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Field::Null => visitor.visit_unit(),
            Field::Bool(value) => visitor.visit_bool(*value),
            Field::Byte(value) => visitor.visit_i64((*value).into()),
            Field::Short(value) => visitor.visit_i64((*value).into()),
            Field::Int(value) => visitor.visit_i64((*value).into()),
            Field::Long(value) => visitor.visit_i64(*value),
            Field::UByte(value) => visitor.visit_u64((*value).into()),
            Field::UShort(value) => visitor.visit_u64((*value).into()),
            Field::UInt(value) => visitor.visit_u64((*value).into()),
            Field::ULong(value) => visitor.visit_u64(*value),
            Field::Float16(value) => visitor.visit_f64(finite(f64::from(*value))?),
            Field::Float(value) => visitor.visit_f64(finite((*value).into())?),
            Field::Double(value) => visitor.visit_f64(finite(*value)?),
            Field::Str(text) => visitor.visit_borrowed_str(text),
            Field::Bytes(bytes) => visitor.visit_borrowed_str(utf8(bytes.data())?),
            Field::Decimal(_)
            | Field::Date(_)
            | Field::TimeMillis(_)
            | Field::TimeMicros(_)
            | Field::TimestampMillis(_)
            | Field::TimestampMicros(_) => visitor.visit_string(self.0.to_string()),
            Field::Group(row) => Columns(row).deserialize_any(visitor),
            Field::ListInternal(list) => {
                visitor.visit_seq(Elements { elements: list.elements(), next: 0 })
            }
            Field::MapInternal(map) => {
                visitor.visit_map(Pairs { pairs: map.entries().iter(), value: None })
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Field::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        let Field::Str(text) = self.0 else {
            return Err(Misfit::custom("the value is not the name of a choice"));
        };
        let text: StrDeserializer<'de, Misfit> = text.as_str().into_deserializer();
        text.deserialize_enum(name, variants, visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct identifier
    }
}

fn finite(value: f64) -> Result<f64, Misfit> {
    if value.is_finite() {
        Ok(value)
    } else {
        Err(Misfit::custom(format_args!("`{value}` is not a finite number")))
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, Misfit> {
    std::str::from_utf8(bytes).map_err(|_| Misfit::custom("the bytes are not UTF-8 text"))
}
