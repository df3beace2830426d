//! The beginning of an upload: its entry in the journal, before anything is sent.

use loadlock_journal::{Begun, Intent, Outcome, SourceRef};
use loadlock_policy::model::{ContentKey, VerifyMethod};

use super::entry::Entry;
use super::job::UploadJob;
use super::route::RouteLeg;
use crate::error::{Error, ErrorCode, Result};
use crate::fault::{self, Point};
use crate::records::record_of;
use crate::{id, view};

impl UploadJob<'_> {
    /// Intent and sent, durable. Nothing may be sent if it fails. Answers the file if the same upload was made before,
    /// with the same idempotency key.
    pub(super) async fn begin(&mut self, index: usize, leg: &RouteLeg) -> Result<Option<view::File>> {
        let state = self.state;
        let mut intent = match self.told(leg) {
            Some(told) => told,
            None => self.intent(leg)?,
        };
        intent.created_at_ms = state.clock.wall_ms();
        intent.component = Some(leg.unit.generation.sha256.clone());
        let entry = Entry::new(state, &intent, index);
        self.traces.add(entry.id());
        fault::at(Point::BeginBefore);
        let begun = state.journal.begin(intent).await?;
        fault::at(Point::BeginAfter);
        match begun {
            Begun::New(_) => {
                self.entry = Some(entry);
                Ok(None)
            }
            Begun::Replay(Outcome::Accepted(row)) => {
                let record = record_of(&row);
                let record = record.ok_or_else(|| Error::new(ErrorCode::Internal, "a replay without a receipt"))?;
                self.unless_gone(record.into()).await.map(Some)
            }
            Begun::Replay(Outcome::Unknown(_)) => Err(Error::new(
                ErrorCode::OutcomeUnknown,
                "the upload with this idempotency key ended without a known outcome",
            )),
            Begun::InFlight(_) => Err(Error::new(
                ErrorCode::Overloaded,
                "an upload with this idempotency key is under way",
            )
            .hint("wait for its answer, or ask again with the same key")
            .retry_after(Some(1_000))),
            Begun::Conflict => Err(Error::new(
                ErrorCode::IdempotencyConflict,
                "this idempotency key was used within the last 24 hours for another upload: other content, or another \
                 name, provider or purpose",
            )),
        }
    }

    /// The entry that other gateways were told of, once.
    fn told(&mut self, leg: &RouteLeg) -> Option<Intent> {
        let mut leads = self.leads.iter_mut();
        leads
            .find(|lead| lead.is_at(&leg.unit.account, &leg.purpose))?
            .take_told()
    }

    /// What is written down before anything is sent.
    pub(super) fn intent(&self, leg: &RouteLeg) -> Result<Intent> {
        let (unit, file, who) = (&leg.unit, self.file, self.asked.who);
        let mark = id::mark();
        let identity = file.opened().identity;
        let source = match (file.spooled(), file.cover()) {
            (Some(spooled), _) => SourceRef::Spool {
                dir: spooled.directory().to_owned(),
            },
            (None, Some(cover)) => SourceRef::Path {
                root: cover.root.path().to_owned(),
                relative: cover.relative.clone(),
                device: identity.device,
                inode: identity.inode,
                size: identity.size,
                modified_ns: identity.modified_ns,
                changed_ns: identity.changed_ns,
            },
            (None, None) => {
                return Err(Error::new(ErrorCode::Internal, "an admitted file without an origin"));
            }
        };
        Ok(Intent {
            id: self.new_id(),
            tenant: who.tenant().to_owned(),
            subject: who.subject().to_owned(),
            idempotency: self.idempotency(),
            key: ContentKey {
                sha256: self.known_digest().map(str::to_owned),
                ..self.content_key(leg)
            },
            provider: unit.name.clone(),
            // With the mark where that is how a lost upload is found.
            remote_name: match unit.profile.verify {
                VerifyMethod::Mark => id::marked_name(file.name(), &mark),
                VerifyMethod::ChosenId | VerifyMethod::Digest | VerifyMethod::IdempotencyKey | VerifyMethod::None => {
                    file.name().to_owned()
                }
            },
            mark,
            filename: file.name().to_owned(),
            media_type: file.media_type().to_owned(),
            bytes: file.size(),
            source,
            created_at_ms: self.state.clock.wall_ms(),
            expires_at_ms: self.expires_at_ms,
            component: Some(unit.generation.sha256.clone()),
            callback: self.asked.callback.cloned().map(Box::new),
        })
    }
}
