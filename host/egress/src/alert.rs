//! Alerts by which a server refuses a TLS connection, also after our side of the handshake is done.
//!
//! In TLS 1.3 a client has finished, and may have sent a request, before the server has looked at its certificate or
//! the lack of one (RFC 8446 §4.4.2.4). Such an alert says that the server's handshake never ended, so nothing that was
//! sent was read as a request.

use std::error::Error;
use std::io;

use rustls::AlertDescription;

/// What the server refused the connection with, if that is why it ended: a sentence for a person.
pub(crate) fn refusal(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        // What an I/O error wraps is not among its sources.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let tls = wrapped
            .and_then(|inner| inner.downcast_ref::<rustls::Error>())
            .or_else(|| error.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::AlertReceived(alert)) = tls {
            return verdict(*alert).map(|verdict| format!("the server refused the connection: {verdict}"));
        }
        next = error.source();
    }
    None
}

/// What an alert says about a handshake; `None` for one that may come while requests are served.
fn verdict(alert: AlertDescription) -> Option<&'static str> {
    use AlertDescription as Alert;
    Some(match alert {
        Alert::CertificateRequired | Alert::NoCertificate => "it wants a certificate of the client",
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown
        | Alert::UnknownCA => "it does not accept the client's certificate",
        Alert::AccessDenied => "access denied",
        Alert::HandshakeFailure | Alert::InsufficientSecurity | Alert::ProtocolVersion => {
            "it and this host have no TLS parameters in common"
        }
        Alert::UnrecognisedName => "it serves no such name",
        Alert::NoApplicationProtocol => "it speaks neither HTTP/1.1 nor HTTP/2 there",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_verdict_on_the_handshake_says_that_nothing_was_read() {
        let received = |alert| io::Error::new(io::ErrorKind::InvalidData, rustls::Error::AlertReceived(alert));
        assert!(refusal(&received(AlertDescription::CertificateRequired)).is_some());
        assert!(refusal(&received(AlertDescription::UnknownCA)).is_some());
        for alert in [
            AlertDescription::InternalError,
            AlertDescription::BadRecordMac,
            AlertDescription::UserCanceled,
        ] {
            assert_eq!(refusal(&received(alert)), None, "{alert:?}");
        }
        assert_eq!(refusal(&io::Error::from(io::ErrorKind::ConnectionReset)), None);
    }
}
