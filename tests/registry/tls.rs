//! Nodes that talk to nobody without a certificate.

use std::fs;
use std::time::Duration;

use filerfs::backend::Kind;
use filerfs::registry::{Cluster, Registry};
use filerfs::tls::{Identity, Trust};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use crate::etcd::{Etcd, Tls};
use crate::given::*;

/// An authority, and one certificate of it with its key.
struct Issued {
    ca: String,
    cert: String,
    key: String,
}

fn issued() -> Issued {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate().unwrap();
    let ca = params.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(params, ca_key);
    let key = KeyPair::generate().unwrap();
    let cert = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    Issued { ca: ca.pem(), cert: cert.pem(), key: key.serialize_pem() }
}

fn files(dir: &TempDir, issued: &Issued) -> Tls {
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    Tls {
        ca: write("ca.pem", &issued.ca),
        cert: write("cert.pem", &issued.cert),
        key: write("key.pem", &issued.key),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_certificate_is_let_in_and_no_other() {
    let (dir, ours, others) = (tempfile::tempdir().unwrap(), issued(), issued());
    let etcd = Etcd::with(1, Some(files(&dir, &ours)));
    let with = |trust: &Issued, identity: Option<&Issued>| {
        let identity =
            identity.map(|own| Identity::from_pem(own.cert.as_bytes(), own.key.as_bytes()).unwrap());
        let trust = Trust::Authorities(trust.ca.clone().into_bytes());
        opened(&Cluster { trust, identity, ..cluster(etcd.endpoints(), Duration::from_secs(5)) })
    };
    let registry = with(&ours, Some(&ours));
    let token = registry.take(&subject(1), &new("a")).await.unwrap().token;
    assert_eq!(registry.guard(&subject(1), &host("a")).await.unwrap(), Some(token));
    for identity in [None, Some(&others)] {
        let error = with(&ours, identity).lock(&subject(1)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Credentials, "{error}");
        assert!(error.to_string().contains("refuses our certificate"), "{error}");
        assert!(error.hint.clone().unwrap().contains("cert_file"), "{error:?}");
    }
    let error = with(&others, Some(&ours)).lock(&subject(1)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable, "{error}");
    assert!(error.to_string().contains("is not trusted"), "{error}");
    assert!(error.hint.clone().unwrap().contains("ca_file"), "{error:?}");
}
