//! Loops for ever in `profile`: the CPU budget must end the call, and nothing else.

use guests::Provider;
use guests::words::*;

struct Hostile;

impl Provider for Hostile {
    fn profile() -> Result<Profile, Failure> {
        loop {
            std::hint::black_box(());
        }
    }
}

guests::provider!(Hostile);
