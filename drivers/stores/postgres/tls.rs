//! TLS for connections; whom they trust is in `support/tls.rs`.
//!
//! As in libpq (postgresql.org/docs/current/libpq-ssl.html), `allow`, `prefer` and `require` encrypt without asking who
//! answers, unless a file of authorities is given; `verify-ca` checks the certificate, and `verify-full` the host's name too.
//! Unlike libpq, a certificate that is not accepted never leads to a connection without TLS.
//!
//! Where a server asks for a password by SCRAM, the exchange is bound to its certificate (`tls-server-end-point`, RFC 5929):
//! somebody in between who has another one learns nothing and is found out.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use sha2::{Digest, Sha256, Sha384, Sha512};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_postgres::config;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::Failure;
use crate::support::tls::{self, OwnCertificate, Transport, Trust};

/// Whether connections are encrypted, as in libpq.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum SslMode {
    Disable,
    Allow,
    #[default]
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// Whether a password is bound to the server's certificate, as in libpq.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ChannelBinding {
    Disable,
    #[default]
    Prefer,
    Require,
}

impl From<ChannelBinding> for config::ChannelBinding {
    fn from(binding: ChannelBinding) -> Self {
        match binding {
            ChannelBinding::Disable => config::ChannelBinding::Disable,
            ChannelBinding::Prefer => config::ChannelBinding::Prefer,
            ChannelBinding::Require => config::ChannelBinding::Require,
        }
    }
}

/// Files with a certificate of ours and its key.
pub(super) struct CertificateFiles {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// How connections are encrypted.
#[derive(Clone)]
pub(super) struct Tls {
    mode: SslMode,
    config: Option<Arc<ClientConfig>>,
}

/// Whether one attempt to connect is encrypted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Encryption {
    None,
    IfOffered,
    Required,
}

/// A connection, with what binds a password to it if it is encrypted.
pub(super) struct Secured {
    pub(super) transport: Box<dyn Transport>,
    pub(super) end_point: Option<Vec<u8>>,
}

/// The request for TLS: its length and its code (postgresql.org/docs/current/protocol-message-formats.html, SSLRequest).
const REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

impl Tls {
    /// In this mode, with authorities from a file or, for `system`, from the system.
    pub(super) fn new(
        mode: SslMode,
        authorities: Option<&Path>,
        own: Option<&CertificateFiles>,
    ) -> Result<Self, Failure> {
        let option = "sslrootcert";
        let own =
            own.map(|own| OwnCertificate { certificate: ("sslcert", &own.certificate), key: ("sslkey", &own.key) });
        let refused = |problem: &str| Err(Failure::broken(problem));
        let trust = match (mode, authorities) {
            (SslMode::Disable, None) if own.is_none() => return Ok(Tls { mode, config: None }),
            (SslMode::Disable, _) => {
                return refused("sslmode=disable encrypts nothing: leave out sslrootcert, sslcert and sslkey");
            }
            (SslMode::VerifyFull, Some(file)) if file == Path::new("system") => Trust::Named(option, None),
            (_, Some(file)) if file == Path::new("system") => {
                return refused("sslrootcert=system is for sslmode=verify-full only");
            }
            (SslMode::VerifyFull, file) => Trust::Named(option, file),
            (_, Some(file)) => Trust::AnyName(option, file),
            (SslMode::VerifyCa, None) => {
                return refused("sslmode=verify-ca needs sslrootcert=FILE; write sslmode=verify-full for the system's");
            }
            (_, None) => Trust::Anyone,
        };
        Ok(Tls { mode, config: Some(tls::client(&trust, own.as_ref())?) })
    }

    /// How to try to connect, one after another.
    pub(super) fn attempts(&self) -> &'static [Encryption] {
        match self.mode {
            SslMode::Disable => &[Encryption::None],
            SslMode::Allow => &[Encryption::None, Encryption::Required],
            SslMode::Prefer => &[Encryption::IfOffered],
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => &[Encryption::Required],
        }
    }

    /// Encrypts a connection to a host, if that is wanted and the server can.
    pub(super) async fn over(&self, mut socket: TcpStream, host: &str, wanted: Encryption) -> io::Result<Secured> {
        let plain = |socket| Ok(Secured { transport: Box::new(socket), end_point: None });
        let Some(config) = self.config.as_ref().filter(|_| wanted != Encryption::None) else { return plain(socket) };
        socket.write_all(&REQUEST).await?;
        match (socket.read_u8().await?, wanted) {
            (b'S', _) => {
                let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
                let secured = TlsConnector::from(config.clone()).connect(name, socket).await?;
                let certificates = secured.get_ref().1.peer_certificates();
                let end_point = certificates.and_then(|chain| chain.first()).and_then(|first| end_point(first));
                Ok(Secured { transport: Box::new(secured), end_point })
            }
            // An error, of a server from before there was TLS, cannot be told from one of somebody in between.
            (b'N', Encryption::IfOffered) => plain(socket),
            (b'N', _) => Err(io::Error::other("the server has no TLS: set ssl=on there, or write sslmode=disable")),
            _ => Err(io::Error::other("what answers there is not PostgreSQL")),
        }
    }
}

/// The hash of a certificate by which a password is bound to it: with the hash of its own signature, and never less than
/// SHA-256 (RFC 5929, 4.1). None for signatures that have none, as Ed25519, and for others that are not known here.
fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let (_, inside, _) = element(certificate)?;
    let (_, _, after) = element(inside)?;
    let (_, algorithm, _) = element(after)?;
    let (_, identifier, _) = element(algorithm)?;
    match identifier {
        // RSA with MD5, SHA-1 and SHA-256; ECDSA with SHA-1 and SHA-256.
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x04 | 0x05 | 0x0b]
        | [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01 | 0x03, 0x02]
        | [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01] => Some(Sha256::digest(certificate).to_vec()),
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c] | [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03] => {
            Some(Sha384::digest(certificate).to_vec())
        }
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d] | [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04] => {
            Some(Sha512::digest(certificate).to_vec())
        }
        _ => None,
    }
}

/// The first element of DER: its tag, its content, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        short @ ..=0x7f => (usize::from(*short), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, after) = rest.split_at_checked(length)?;
    Some((*tag, content, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_hashed_as_it_is_signed() {
        let hash_bytes = |algorithm: &'static rcgen::SignatureAlgorithm| {
            let key = rcgen::KeyPair::generate_for(algorithm).expect("a key");
            let parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("parameters");
            let certificate = parameters.self_signed(&key).expect("a certificate");
            end_point(certificate.der()).map(|hash| hash.len())
        };
        assert_eq!(hash_bytes(&rcgen::PKCS_ECDSA_P256_SHA256), Some(32));
        assert_eq!(hash_bytes(&rcgen::PKCS_ECDSA_P384_SHA384), Some(48));
        assert_eq!(hash_bytes(&rcgen::PKCS_ED25519), None, "RFC 5929 has no hash for it");
        for nonsense in [&[][..], &[0x30], &[0x30, 0x80], &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 1], &[0x30, 1]] {
            assert_eq!(end_point(nonsense), None);
        }
    }
}
