//! Configured providers that could not be made ready: each is out of service alone, and the others serve.

use std::sync::Arc;

use loadlock_config::ConfiguredProvider;
use loadlock_policy::model::{DeleteSemantics, Profile, Treatment, VerifyMethod};
use loadlock_sandbox::Inspection;

use crate::error::{Error, ErrorCode};
use crate::view::{EgressView, ProviderView};

/// One of them. What was stored there stays on record; deletes and settling wait as for an account that nobody has.
#[derive(Debug)]
pub(crate) struct OutOfService {
    pub(crate) name: String,
    /// As it is configured: `builtin:NAME` or a path.
    pub(crate) component: String,
    /// Position in the operator's order; `None`: only if it is named.
    pub(crate) order: Option<u32>,
    /// The account that the operator named, if one was.
    pub(crate) account: Option<String>,
    /// What stands in the way. It names files and variables of this machine: for the operator, not for clients.
    pub(crate) why: Error,
}

impl OutOfService {
    pub(crate) fn of(configured: &ConfiguredProvider, order: Option<u32>, why: Error) -> Self {
        Self {
            name: configured.name.clone(),
            component: configured.connection.component.to_string(),
            order,
            account: configured.account.clone(),
            why,
        }
    }

    /// What stands in the way and what to do, for the operator.
    pub(crate) fn reason(&self) -> String {
        format!("out of service: {} ({})", self.why.message, self.why.hint)
    }

    /// For whoever asked for it by name.
    pub(crate) fn refusal(&self) -> Error {
        Error::new(
            ErrorCode::ProviderOutOfService,
            format!("the provider `{}` is out of service", self.name),
        )
    }

    /// As providers are shown: nothing is known of its component.
    pub(crate) fn view(&self) -> ProviderView {
        ProviderView {
            name: self.name.clone(),
            component: self.component.clone(),
            generation: 0,
            swapped: false,
            out_of_service: Some(self.reason()),
            inspection: Inspection {
                role: None,
                version: None,
                imports: Vec::new(),
                exports: Vec::new(),
                size: 0,
                sha256: String::new(),
                state_version: None,
            },
            profile: Profile {
                title: String::new(),
                purposes: Vec::new(),
                verify: VerifyMethod::None,
                delete: DeleteSemantics::Never,
                treatment: Treatment::Content,
                can_stat: false,
                can_list: false,
                takes_empty: false,
                max_concurrency: None,
                wants_digest: false,
                poll_interval_ms: None,
                egress: Vec::new(),
            },
            order: self.order.map(|order| order + 1),
            account: self.account.clone().unwrap_or_default(),
            breaker: "out_of_service".to_owned(),
            in_flight: 0,
            health: None,
            egress: EgressView::default(),
            quota: Vec::new(),
        }
    }

    /// Tells the operator.
    pub(crate) fn announce(&self) {
        tracing::error!(target: "loadlock::provider", provider = %self.name, component = %self.component, "[PROVIDER] \
             {} is {}", self.name, self.reason());
    }
}

/// Whether a failure to make a provider ready is that provider's own. Anything else is the machine's or the home's, and
/// would meet the others too.
pub(crate) fn is_its_own(error: &Error) -> bool {
    matches!(
        error.code,
        ErrorCode::ComponentRefused | ErrorCode::ComponentFailed | ErrorCode::ConfigInvalid
    )
}

/// Why nothing can be served, if nobody is left: the only one's reason as it is, or all of them.
pub(crate) fn nobody_left(out: &[Arc<OutOfService>]) -> Option<Error> {
    let first = out.first()?;
    if out.len() == 1 {
        return Some(first.why.clone());
    }
    let reasons: Vec<_> = out
        .iter()
        .map(|one| format!("{} is {}", one.name, one.reason()))
        .collect();
    let message = format!("no provider is in service: {}", reasons.join("; "));
    Some(Error::new(first.why.code, message).hint("correct one of them at least; `loadlock config check` shows each"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out(name: &str, code: ErrorCode) -> Arc<OutOfService> {
        Arc::new(OutOfService {
            name: name.into(),
            component: "builtin:local".into(),
            order: None,
            account: None,
            why: Error::new(code, format!("{name} is broken")).hint("mend it"),
        })
    }

    #[test]
    fn all_reasons_are_told_if_nobody_is_left() {
        assert_eq!(nobody_left(&[]), None);
        let one = [out("a", ErrorCode::ComponentRefused)];
        assert_eq!(nobody_left(&one), Some(one[0].why.clone()));
        let both = [
            out("a", ErrorCode::ConfigInvalid),
            out("b", ErrorCode::ComponentRefused),
        ];
        let error = nobody_left(&both);
        let message = error.map(|error| error.message).unwrap_or_default();
        assert!(
            message.contains("a is broken (mend it)") && message.contains("b is broken (mend it)"),
            "{message}"
        );
    }

    #[test]
    fn a_client_is_not_told_what_the_operator_has() {
        let one = out("a", ErrorCode::ConfigInvalid);
        assert!(!one.refusal().message.contains("broken") && one.reason().contains("broken"));
    }
}
