//! Whom to believe that it is the server we mean, and how to say who we are.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256};

use crate::backend::{Error, Kind, Result};

/// How the server's certificate is checked.
#[derive(Clone, Debug)]
pub enum Trust {
    /// By the authorities that this host trusts.
    System,
    /// By the authorities in this PEM text.
    Authorities(Vec<u8>),
    /// It is exactly the one with this SHA-256.
    Pinned([u8; 32]),
    /// Not at all. Every start says so in the log.
    Insecure,
}

/// The certificate that a client shows, and the key to it.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// From two PEM texts.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Identity> {
        let bad = |what: &str| {
            Error::new(Kind::Invalid, format!("there is no {what} in the file")).hint("accepted: PEM")
        };
        let chain: Vec<_> =
            CertificateDer::pem_slice_iter(chain).collect::<std::result::Result<_, _>>().unwrap_or_default();
        if chain.is_empty() {
            return Err(bad("certificate"));
        }
        Ok(Identity { chain, key: PrivateKeyDer::from_pem_slice(key).map_err(|_| bad("private key"))? })
    }
}

/// The TLS side of a client that trusts so, and shows this.
pub fn client(trust: &Trust, identity: Option<&Identity>) -> Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|e| Error::new(Kind::Bug, "TLS cannot be set up").source(e))?;
    let exactly = |pin| Arc::new(Exactly { pin, provider });
    let builder = match trust {
        Trust::System => builder.with_root_certificates(system()),
        Trust::Authorities(pem) => builder.with_root_certificates(authorities(pem)?),
        Trust::Pinned(pin) => builder.dangerous().with_custom_certificate_verifier(exactly(Some(*pin))),
        Trust::Insecure => builder.dangerous().with_custom_certificate_verifier(exactly(None)),
    };
    let Some(Identity { chain, key }) = identity else { return Ok(builder.with_no_client_auth()) };
    let client = builder.with_client_auth_cert(chain.clone(), key.clone_key());
    client.map_err(|e| Error::new(Kind::Invalid, "the certificate and its key cannot be used").source(e))
}

fn system() -> RootCertStore {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    store
}

fn authorities(pem: &[u8]) -> Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let bad = |e: &dyn std::fmt::Display| {
            Error::new(Kind::Invalid, "a certificate authority cannot be read").source(e)
        };
        store.add(certificate.map_err(|e| bad(&e))?).map_err(|e| bad(&e))?;
    }
    if store.is_empty() {
        return Err(Error::new(Kind::Invalid, "there is no certificate in the file").hint("accepted: PEM"));
    }
    Ok(store)
}

/// Accepts one certificate, by its digest; or any, if there is none to compare with.
#[derive(Debug)]
struct Exactly {
    pin: Option<[u8; 32]>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Exactly {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        let digest: [u8; 32] = Sha256::digest(certificate).into();
        match self.pin {
            Some(pin) if pin != digest => Err(CertificateError::ApplicationVerificationFailure.into()),
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
