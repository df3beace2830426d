//! Whole numbers in JSON: `5.0` and `5e0` are 5, as JSON Schema and JavaScript have it.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

/// From here on not every whole number is one of `f64`'s, so nobody can say which was meant.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// One number.
pub(crate) fn whole<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<u64>,
{
    deserializer.deserialize_any(Whole(PhantomData))
}

/// A number or `null`; together with `#[serde(default)]` an absent one too.
pub(crate) fn maybe<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<u64>,
{
    struct Number<T>(T);
    impl<'de, T: TryFrom<u64>> Deserialize<'de> for Number<T> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            whole(deserializer).map(Self)
        }
    }
    Ok(Option::<Number<T>>::deserialize(deserializer)?.map(|number| number.0))
}

struct Whole<T>(PhantomData<T>);

impl<T: TryFrom<u64>> Visitor<'_> for Whole<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a whole number, such as a {}", std::any::type_name::<T>())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        T::try_from(number).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(number), &self)),
        }
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        if number.fract() == 0.0 && (0.0..EXACT).contains(&number) {
            // In the range of what is exact, so the cast changes nothing.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            return self.visit_u64(number as u64);
        }
        Err(E::invalid_value(Unexpected::Float(number), &self))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Numbers {
        #[serde(deserialize_with = "super::whole")]
        bytes: u64,
        #[serde(default, deserialize_with = "super::maybe")]
        limit: Option<u32>,
    }

    fn read(bytes: &str, limit: Option<&str>) -> Option<(u64, Option<u32>)> {
        let limit = limit.map(|limit| format!(",\"limit\":{limit}")).unwrap_or_default();
        let numbers: Numbers = serde_json::from_str(&format!("{{\"bytes\":{bytes}{limit}}}")).ok()?;
        Some((numbers.bytes, numbers.limit))
    }

    #[test]
    fn a_fraction_of_zero_is_none() {
        assert_eq!(read("5", None), Some((5, None)));
        assert_eq!(read("5.0", Some("7.0")), Some((5, Some(7))));
        assert_eq!(read("1e3", Some("null")), Some((1_000, None)));
        assert_eq!(read("18446744073709551615", Some("0")), Some((u64::MAX, Some(0))));
        for bad in [
            "5.5",
            "-1",
            "-1.0",
            "\"5\"",
            "true",
            "null",
            "1e300",
            "9007199254740993.0",
        ] {
            assert_eq!(read(bad, None), None, "{bad}");
        }
        assert_eq!(read("5", Some("4294967296")), None);
        assert_eq!(read("5", Some("1.5")), None);
    }
}
