//! Whom a connection under TLS trusts and who we are there, by rustls with ring. How each protocol comes to TLS is its
//! driver's own.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::verify_server_cert_signed_by_trust_anchor;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::Failure;

/// What a connection runs over: a socket, under TLS or not.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// Whose certificates are trusted. Files are of PEM and come with the name of the option that gives them.
pub(crate) enum Trust<'a> {
    /// Any certificate: encrypted, but the server is not identified.
    Anyone,
    /// Who has one from an authority in the file, under whatever name.
    AnyName(&'a str, &'a Path),
    /// Who has one for the host's name from an authority in the file, or else from one that the system (or SSL_CERT_FILE)
    /// trusts.
    Named(&'a str, Option<&'a Path>),
}

/// Who we are to a server that asks: a certificate, with those between it and its authority, and its private key, each by its
/// option and in a file of PEM.
pub(crate) struct OwnCertificate<'a> {
    pub(crate) certificate: (&'a str, &'a Path),
    pub(crate) key: (&'a str, &'a Path),
}

/// A client that trusts so, and says who it is if it has something to say.
pub(crate) fn client(trust: &Trust<'_>, own: Option<&OwnCertificate<'_>>) -> Result<Arc<ClientConfig>, Failure> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let unavailable = |error: Error| Failure::broken("TLS cannot be used").caused_by(error);
    let builder = builder.with_safe_default_protocol_versions().map_err(unavailable)?;
    let unnamed = |roots| {
        let verifier = Arc::new(Unnamed { roots, provider });
        builder.clone().dangerous().with_custom_certificate_verifier(verifier)
    };
    let trusting = match trust {
        Trust::Anyone => unnamed(None),
        Trust::AnyName(option, file) => unnamed(Some(roots(option, Some(file))?)),
        Trust::Named(option, file) => builder.clone().with_root_certificates(roots(option, *file)?),
    };
    let Some(OwnCertificate { certificate, key }) = own else { return Ok(Arc::new(trusting.with_no_client_auth())) };
    let chain = certificates(certificate.0, certificate.1)?;
    let unusable = |error: &dyn Display| unusable(key.0, key.1, error);
    let private = PrivateKeyDer::from_pem_file(key.1).map_err(|error| match error {
        pem::Error::NoItemsFound => unusable(&"it holds no private key, or an encrypted one"),
        other => unusable(&other),
    })?;
    let config = trusting.with_client_auth_cert(chain, private);
    config
        .map(Arc::new)
        .map_err(|error| unusable(&format_args!("{error} ({}={})", certificate.0, certificate.1.display())))
}

fn roots(option: &str, authorities: Option<&Path>) -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    match authorities {
        Some(file) => {
            for certificate in certificates(option, file)? {
                roots.add(certificate).map_err(|error| unusable(option, file, &error))?;
            }
        }
        // Some that cannot be read are no reason not to use the others.
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    if roots.is_empty() {
        return Err(Failure::broken(format!("this system trusts no certificates; name a file of them in {option}")));
    }
    Ok(roots)
}

/// Those in a file of PEM, one at least.
fn certificates(option: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(none) if none.is_empty() => Err(unusable(option, file, &"it holds no certificate")),
        read => read.map_err(|error| unusable(option, file, &error)),
    }
}

fn unusable(option: &str, file: &Path, error: &dyn Display) -> Failure {
    Failure::broken(format!("{option}={}: {error}", file.display()))
}

/// Whether the server at this address answers a greeting of TLS, as far as it does within a second.
pub(crate) async fn is_spoken_at(host: &str, port: u16) -> bool {
    let greeted = async {
        let tls = TlsConnector::from(client(&Trust::Anyone, None).ok()?);
        let name = ServerName::try_from(host.to_owned()).ok()?;
        let socket = TcpStream::connect((host, port)).await.ok()?;
        Some(tls.connect(name, socket).await)
    };
    match tokio::time::timeout(Duration::from_secs(1), greeted).await {
        Ok(Some(Ok(_))) => true,
        // It has understood us if it sends an alert, such as that it wants a certificate of ours.
        Ok(Some(Err(error))) => {
            let error = error.get_ref().and_then(|error| error.downcast_ref());
            matches!(error, Some(Error::AlertReceived(_)))
        }
        Ok(None) | Err(_) => false,
    }
}

/// Accepts every name and, without authorities, every certificate, but not a signature that the certificate did not make.
#[derive(Debug)]
struct Unnamed {
    roots: Option<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Unnamed {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(roots) = &self.roots {
            let certificate = ParsedCertificate::try_from(certificate)?;
            let algorithms = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&certificate, roots, between, now, algorithms)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
