//! What keeps an operation from reaching anything, told before anything is sent.

use std::net::IpAddr;

use super::denied::missing_grant;
use super::grant::ParsedNeed;
use super::{Denied, DeniedReason, EffectiveGrant, EgressPolicy, Host};
use crate::address;
use crate::model::Operation;

impl EgressPolicy {
    /// Why no request of `operation` can leave, as one sentence with what to do; `None` if one can, or none is needed.
    ///
    /// A name says nothing about its addresses here: they are judged when they are known.
    pub fn blocked(&self, operation: Operation) -> Option<String> {
        let needs = self.needs().iter().enumerate();
        let needed: Vec<(usize, &ParsedNeed)> =
            needs.filter(|(_, need)| need.operations.contains(&operation)).collect();
        let granted = |need: usize| self.effective().iter().filter(move |one| one.need == need);
        let mut refused = None;
        for one in needed.iter().flat_map(|(need, _)| granted(*need)) {
            match refusal(one) {
                None => return None,
                Some(why) => refused = Some(why),
            }
        }
        let (_, first) = needed.first()?;
        Some(refused.unwrap_or_else(|| {
            let denied = Denied {
                provider: self.provider().to_owned(),
                operation,
                reason: DeniedReason::NotGranted,
                missing: Some(missing_grant(first, first.methods.iter().copied())),
            };
            denied.to_string()
        }))
    }
}

/// Why the address that a grant is for is not connected to.
fn refusal(grant: &EffectiveGrant) -> Option<String> {
    let address = match &grant.origin.host {
        Host::Name(_) => return None,
        Host::V4(address) => IpAddr::V4(*address),
        Host::V6(address) => IpAddr::V6(*address),
    };
    let refused = address::check(address, &grant.origin.host, grant.private).err()?;
    Some(format!("`{}` is granted, but refused anyway: {refused}", grant.origin))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::egress::{EgressGrant, Method};
    use crate::model::EgressNeed;

    fn policy(origin: &str, granted: &[(&str, bool)]) -> EgressPolicy {
        let need = |method: &str, operation| EgressNeed {
            origin: origin.into(),
            path_prefix: "/v1/files".into(),
            methods: vec![method.into()],
            operations: vec![operation],
        };
        let needs = [need("POST", Operation::Upload), need("GET", Operation::Listing)];
        let grants = granted.iter().map(|(method, private)| {
            EgressGrant::parse(origin, "/v1/files", [Method::parse(method).unwrap()], *private).unwrap()
        });
        EgressPolicy::new("kimi", &needs, true, grants.collect()).unwrap()
    }

    #[test]
    fn what_is_granted_is_not_blocked_and_what_is_not_names_the_line() {
        let open = policy("https://api.moonshot.ai", &[("POST", false)]);
        assert_eq!(open.blocked(Operation::Upload), None);
        let why = open.blocked(Operation::Listing).unwrap();
        assert!(
            why.contains("[providers.kimi]") && why.contains("egress = [") && why.contains("GET"),
            "{why}"
        );
        assert_eq!(open.blocked(Operation::Probe), None, "nothing is needed for it");
        let closed = policy("https://api.moonshot.ai", &[]);
        assert!(closed.blocked(Operation::Upload).unwrap().contains("POST"));
    }

    #[test]
    fn an_address_that_will_be_refused_is_said_to_be() {
        let why = policy("https://10.0.0.7", &[("POST", false)]).blocked(Operation::Upload);
        assert!(why.unwrap().contains("`private = true`"));
        assert_eq!(
            policy("https://10.0.0.7", &[("POST", true)]).blocked(Operation::Upload),
            None
        );
        let never = policy("https://169.254.169.254", &[("POST", true)]).blocked(Operation::Upload);
        assert!(never.unwrap().contains("never connected to"));
    }
}
