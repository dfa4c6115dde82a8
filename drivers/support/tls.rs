//! Whom a connection under TLS trusts and who we are there, by rustls with ring. How each protocol comes to TLS is its
//! driver's own.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::rustls::client::WantsClientCert;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::pki_types::pem;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, ConfigBuilder, Error, RootCertStore, WantsVerifier};

use crate::Failure;

/// What a connection runs over: a socket, under TLS or not.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// Trusts who has a certificate from one of the authorities in a file of PEM, which the address gives as `option`, or
/// else of those that the system (or SSL_CERT_FILE) trusts.
pub(crate) fn verified(option: &str, authorities: Option<&Path>) -> Result<Arc<ClientConfig>, Failure> {
    trusting(option, authorities).map(without_client_certificate)
}

/// The same for a server that asks who we are: a certificate, with those between it and its authority, and its private
/// key, each by its option and in a file of PEM.
pub(crate) fn verified_as(
    (option, authorities): (&str, Option<&Path>),
    certificate: (&str, &Path),
    key: (&str, &Path),
) -> Result<Arc<ClientConfig>, Failure> {
    let chain = certificates(certificate.0, certificate.1)?;
    let unusable = |error: &dyn Display| unusable(key.0, key.1, error);
    let private = PrivateKeyDer::from_pem_file(key.1).map_err(|error| match error {
        pem::Error::NoItemsFound => unusable(&"it holds no private key, or an encrypted one"),
        other => unusable(&other),
    })?;
    let config = trusting(option, authorities)?.with_client_auth_cert(chain, private);
    config
        .map(Arc::new)
        .map_err(|error| unusable(&format_args!("{error} ({}={})", certificate.0, certificate.1.display())))
}

fn trusting(option: &str, authorities: Option<&Path>) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, Failure> {
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
    Ok(builder()?.with_root_certificates(roots))
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

/// The beginning of every configuration: ring, and the versions of TLS that are safe.
pub(crate) fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, Failure> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let unavailable = |error: Error| Failure::broken("TLS cannot be used").caused_by(error);
    builder.with_safe_default_protocol_versions().map_err(unavailable)
}

/// The end of every configuration.
pub(crate) fn without_client_certificate(builder: ConfigBuilder<ClientConfig, WantsClientCert>) -> Arc<ClientConfig> {
    Arc::new(builder.with_no_client_auth())
}
