//! Why a socket is closed. The codes are documented in `docs/reference/websocket.md` and never change their meaning.

use axum::extract::ws::{CloseFrame, Message};

/// A reason to close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Close {
    /// The client closed; its code is answered by the protocol.
    Answered,
    /// The server stops.
    GoingAway,
    /// A binary message.
    NotText,
    /// The client does not speak the protocol: bad frames or text that is not UTF-8.
    Protocol,
    /// Too many messages in a row that are no calls.
    Policy,
    /// A message over the limit.
    TooBig,
    /// A state that should not be.
    Internal,
    /// The credential ended or was revoked.
    Credential,
    /// Nothing was heard: no answer to a ping.
    Silent,
    /// Nothing was asked and nothing is watched.
    Idle,
    /// The tenant has too many sockets.
    Crowded,
}

impl Close {
    /// Code and reason; the reason is for a person.
    pub(super) const fn parts(self) -> (u16, &'static str) {
        match self {
            Self::Answered => (1000, ""),
            Self::GoingAway => (1001, "the gateway stops; connect again"),
            Self::Protocol => (1002, "not WebSocket"),
            Self::NotText => (1003, "send JSON-RPC as text"),
            Self::Policy => (1008, "too many messages that are not JSON-RPC"),
            Self::TooBig => (1009, "a message may have at most 65536 bytes"),
            Self::Internal => (4000, "internal error; connect again"),
            Self::Credential => (4001, "the credential is no longer accepted"),
            Self::Silent => (4002, "no answer to pings"),
            Self::Idle => (4002, "idle: nothing asked, nothing watched"),
            Self::Crowded => (4003, "the tenant has too many connections"),
        }
    }

    /// As it is sent.
    pub(super) fn message(self) -> Message {
        let (code, reason) = self.parts();
        Message::Close(Some(CloseFrame {
            code,
            reason: reason.into(),
        }))
    }
}
