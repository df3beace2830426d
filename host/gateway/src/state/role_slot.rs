//! The validator and the auth component: one generation of each is asked, and the one before drains.

use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use loadlock_policy::swap::CallEnd;
use loadlock_sandbox::CallError;
use loadlock_sandbox::auth::{Auth, AuthPolicy, Denial, Identified};
use loadlock_sandbox::validator::{FileCandidate, FileRefusal, ValidatedFile, ValidationRules, Validator};

use super::generation::{Generation, OnTrial, call_end};

/// One generation of a component that plays a role.
pub(crate) struct RoleUnit<C> {
    pub(crate) component: C,
    pub(crate) generation: Generation,
    pub(crate) trial: OnTrial<Self>,
}

impl<C> RoleUnit<C> {
    pub(crate) fn new(component: C, generation: Generation) -> Self {
        Self {
            component,
            generation,
            trial: OnTrial::default(),
        }
    }
}

/// The place of a component.
pub(crate) struct RoleSlot<C> {
    /// `validator` or `auth`.
    pub(crate) role: &'static str,
    now: RwLock<Arc<RoleUnit<C>>>,
    /// Every generation that is loaded, those included that drain.
    loaded: Mutex<Vec<Weak<RoleUnit<C>>>>,
}

impl<C> RoleSlot<C> {
    pub(crate) fn new(role: &'static str, unit: RoleUnit<C>) -> Self {
        let unit = Arc::new(unit);
        Self {
            role,
            loaded: Mutex::new(vec![Arc::downgrade(&unit)]),
            now: RwLock::new(unit),
        }
    }

    /// The generation to ask. Whoever holds it goes on with it.
    pub(crate) fn now(&self) -> Arc<RoleUnit<C>> {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts a generation in the place of the one that is there; nothing happens if another one than `instead_of` is.
    pub(crate) fn put(&self, instead_of: &Arc<RoleUnit<C>>, unit: Arc<RoleUnit<C>>) -> bool {
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&now, instead_of) {
            return false;
        }
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.retain(|one| one.strong_count() > 0);
        let weak = Arc::downgrade(&unit);
        if !loaded.iter().any(|one| one.ptr_eq(&weak)) {
            loaded.push(weak);
        }
        *now = unit;
        true
    }

    /// Every generation that is loaded, the oldest first.
    pub(crate) fn generations(&self) -> Vec<Arc<RoleUnit<C>>> {
        let loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.iter().filter_map(Weak::upgrade).collect()
    }

    /// A call of a generation has ended.
    pub(crate) fn judged(&self, unit: &Arc<RoleUnit<C>>, end: CallEnd) {
        let draining = !Arc::ptr_eq(&self.now(), unit);
        crate::metrics::generation_call(self.role, draining, end);
        unit.trial.on(end);
    }
}

impl RoleSlot<Validator> {
    /// Has the validator of this moment judge a file.
    ///
    /// # Errors
    /// [`CallError`] if there is no verdict; the file is then refused.
    pub(crate) async fn inspect(
        &self,
        candidate: FileCandidate,
        rules: &ValidationRules,
    ) -> Result<Result<ValidatedFile, FileRefusal>, CallError> {
        let unit = self.now();
        let verdict = unit.component.inspect(candidate, rules).await;
        self.judged(&unit, call_end(&verdict));
        verdict
    }
}

impl RoleSlot<Auth> {
    /// Has the auth component of this moment say who presents a credential.
    ///
    /// # Errors
    /// [`CallError`] if there is no answer; the caller is then refused.
    pub(crate) async fn authenticate(
        &self,
        credential: Option<String>,
        now_s: u64,
    ) -> Result<Result<Identified, Denial>, CallError> {
        let unit = self.now();
        let answer = unit.component.authenticate(credential, now_s).await;
        self.judged(&unit, call_end(&answer));
        answer
    }

    /// Replaces the policy, or keeps the old one. A generation that could come back knows it as well, or does not come
    /// back.
    ///
    /// # Errors
    /// The component's reason, or [`CallError`].
    pub(crate) async fn configure(&self, policy: AuthPolicy) -> Result<Result<(), String>, CallError> {
        let now = self.now();
        let answer = now.component.configure(policy.clone()).await?;
        if answer.is_err() {
            return Ok(answer);
        }
        for other in self.generations() {
            let is_other = !Arc::ptr_eq(&other, &now);
            if is_other && !matches!(other.component.configure(policy.clone()).await, Ok(Ok(()))) {
                now.trial.end();
            }
        }
        Ok(answer)
    }
}
