//! Says that a key makes sending again harmless, lists nothing, and never answers an upload: that it is not on the list
//! proves nothing.

use guests::Provider;
use guests::words::*;
use wasip2::clocks::monotonic_clock;

struct Keyed;

impl Provider for Keyed {
    fn profile() -> Result<Profile, Failure> {
        Ok(Profile {
            verify: VerifyMethod::IdempotencyKey,
            can_list: true,
            ..guests::store_profile()
        })
    }

    fn upload(_file: AdmittedFile, _options: UploadOptions) -> Result<RemoteFile, Failure> {
        monotonic_clock::subscribe_duration(u64::MAX).block();
        Err(guests::report("woke"))
    }

    fn list(_query: ListQuery) -> Result<RemotePage, Failure> {
        Ok(RemotePage {
            files: Vec::new(),
            next: None,
        })
    }
}

guests::provider!(Keyed);
