//! TLS for connections; whom they trust is in `support/tls.rs`.
//!
//! As in libpq (postgresql.org/docs/current/libpq-ssl.html), `prefer` and `require` encrypt without asking who answers;
//! `verify-full` checks the certificate and the host's name. There is no channel binding and no client certificate.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

use crate::Failure;
use crate::support::tls::{self, Transport};

/// Whether connections are encrypted, as in libpq.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum SslMode {
    Disable,
    #[default]
    Prefer,
    Require,
    VerifyFull,
}

/// How connections are encrypted.
#[derive(Clone)]
pub(super) struct Tls {
    mode: SslMode,
    config: Arc<ClientConfig>,
}

/// The request for TLS: its length and its code (postgresql.org/docs/current/protocol-message-formats.html, SSLRequest).
const REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

impl Tls {
    /// In this mode. `verify-full` accepts certificates from the authorities in a file, or else from those that the system
    /// trusts.
    pub(super) fn new(mode: SslMode, authorities: Option<&Path>) -> Result<Self, Failure> {
        let config = match (mode, authorities) {
            (SslMode::VerifyFull, authorities) => tls::verified("sslrootcert", authorities)?,
            (_, None) => {
                let verifier = Arc::new(Anyone(Arc::new(ring::default_provider())));
                let builder = tls::builder()?.dangerous().with_custom_certificate_verifier(verifier);
                tls::without_client_certificate(builder)
            }
            (_, Some(_)) => return Err(Failure::broken("postgres: sslrootcert is for sslmode=verify-full only")),
        };
        Ok(Tls { mode, config })
    }

    /// Encrypts a connection to a host, if that is wanted and the server can.
    pub(super) async fn over(&self, mut socket: TcpStream, host: &str) -> io::Result<Box<dyn Transport>> {
        if self.mode == SslMode::Disable {
            return Ok(Box::new(socket));
        }
        socket.write_all(&REQUEST).await?;
        match (socket.read_u8().await?, self.mode) {
            (b'S', _) => {
                let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
                Ok(Box::new(TlsConnector::from(self.config.clone()).connect(name, socket).await?))
            }
            // An error, of a server from before there was TLS, cannot be told from one of somebody in between.
            (b'N', SslMode::Prefer) => Ok(Box::new(socket)),
            (b'N', _) => Err(io::Error::other("the server does not support TLS")),
            (other, _) => Err(io::Error::other(format!("asked for TLS, it answers {:?}", char::from(other)))),
        }
    }
}

/// Accepts every certificate, but not a signature that the certificate did not make.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
