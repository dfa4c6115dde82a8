//! Whom a connection under TLS trusts, by rustls with ring. How each protocol comes to TLS is its driver's own.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::client::WantsClientCert;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, ConfigBuilder, Error, RootCertStore, WantsVerifier};

use crate::Failure;

/// Trusts who has a certificate from one of the authorities in a file of PEM, which the address gives as `option`, or
/// else of those that the system (or SSL_CERT_FILE) trusts.
pub(crate) fn verified(option: &str, authorities: Option<&Path>) -> Result<Arc<ClientConfig>, Failure> {
    let mut roots = RootCertStore::empty();
    match authorities {
        Some(file) => {
            let unreadable = |error: &dyn Display| Failure::broken(format!("{option}={}: {error}", file.display()));
            for certificate in CertificateDer::pem_file_iter(file).map_err(|error| unreadable(&error))? {
                let certificate = certificate.map_err(|error| unreadable(&error))?;
                roots.add(certificate).map_err(|error| unreadable(&error))?;
            }
            if roots.is_empty() {
                return Err(unreadable(&"it holds no certificate"));
            }
        }
        // Some that cannot be read are no reason not to use the others.
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    if roots.is_empty() {
        return Err(Failure::broken(format!("this system trusts no certificates; name a file of them in {option}")));
    }
    Ok(without_client_certificate(builder()?.with_root_certificates(roots)))
}

/// The beginning of every configuration: ring, and the versions of TLS that are safe.
pub(crate) fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, Failure> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let unusable = |error: Error| Failure::broken("TLS cannot be used").caused_by(error);
    builder.with_safe_default_protocol_versions().map_err(unusable)
}

/// The end of every configuration.
pub(crate) fn without_client_certificate(builder: ConfigBuilder<ClientConfig, WantsClientCert>) -> Arc<ClientConfig> {
    Arc::new(builder.with_no_client_auth())
}
