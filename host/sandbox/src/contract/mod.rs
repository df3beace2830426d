//! Adapters between the public contract and the internal model, one module per WIT version. They convert and decide
//! nothing: every check works on the model, so that a new version cannot bring a hole of its own.
//!
//! A version is its WIT, a module here that implements the traits of [`calls`], its line in [`CONTRACTS`], and its
//! number in `inspect::VERSIONS`. What is alike in several versions is in `common/` and compiled for each.
#![allow(
    clippy::duplicate_mod,
    reason = "bindings of two versions are different types with the same names"
)]

pub(crate) mod calls;

/// Implements the calls of an interface whose answers may be failures: the call of the bindings with its arguments, and
/// the conversion of what it answers.
macro_rules! answers {
    ($interface:ident: $(
        $name:ident($($arg:ident: $ty:ty),*) -> $out:ty = $call:ident($($pass:expr),*), $convert:expr;
    )*) => {
        $(fn $name<'s>(&'s self, store: &'s mut Store<CallState> $(, $arg: $ty)*) -> Answered<'s, $out> {
            Box::pin(async move {
                let answer = self.$interface().$call(store $(, $pass)*).await?;
                Ok(answer.map($convert).map_err(failure))
            })
        })*
    };
}

/// How components of one world are bound.
macro_rules! bind {
    ($pre:ty) => {
        |component| {
            let pre = Arc::new(<$pre>::new(component)?);
            Ok(Arc::new(move |store| {
                let pre = pre.clone();
                Box::pin(async move { Ok(Box::new(pre.instantiate_async(store).await?) as Box<_>) })
            }))
        }
    };
}

mod v0_1;
mod v0_2;
#[cfg(test)]
mod v0_test;

pub(crate) use calls::Contract;

/// Every version that this host speaks.
static CONTRACTS: &[Contract] = &[
    v0_2::CONTRACT,
    v0_1::CONTRACT,
    #[cfg(test)]
    v0_test::CONTRACT,
];

/// The contract of this version.
pub(crate) fn of(version: &str) -> Option<&'static Contract> {
    CONTRACTS.iter().find(|contract| contract.version == version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::VERSIONS;

    #[test]
    fn every_version_that_is_recognised_is_spoken() {
        let spoken: Vec<_> = CONTRACTS.iter().map(|contract| contract.version).collect();
        for version in VERSIONS {
            assert!(of(version).is_some(), "{version}");
        }
        assert_eq!(spoken.len(), VERSIONS.len());
    }
}
