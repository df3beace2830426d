//! Cases with a function of their own.

use super::bench::ProviderBench;
use crate::conformance::report::{CaseFacts, Found};

/// A case, and how it is run.
pub(super) struct BenchCase {
    pub(super) facts: CaseFacts,
    pub(super) run: for<'a> fn(&'a ProviderBench) -> futures::future::BoxFuture<'a, Found>,
}

/// The table of a module's cases: name, promise, advice, function.
macro_rules! cases {
    ($($name:literal, $promise:literal, $advice:literal => $run:path;)*) => {
        pub(super) const CASES: &[crate::conformance::provider::case::BenchCase] = &[
            $(crate::conformance::provider::case::BenchCase {
                facts: crate::conformance::report::CaseFacts { name: $name, promise: $promise, advice: $advice },
                run: |bench| Box::pin($run(bench)),
            },)*
        ];
    };
}
pub(super) use cases;
