//! Whom the client believes to be the filer.

use filerfs::backend::Kind;
use filerfs::config::ConfigError;

use crate::filer::{Filer, SMALL};
use crate::log::Log;

/// The sentences that the configuration is refused with.
fn refused(filer: &Filer, toml: &str) -> String {
    let config = filerfs::config::Config::read(&filer.file("filerfs.toml", toml)).unwrap();
    let error: ConfigError =
        filerfs::compose::compose(&config, &[], Box::new(filerfs::logging::Silent)).err().unwrap();
    error.to_string()
}

#[tokio::test]
async fn a_filer_is_trusted_by_authority_by_digest_or_against_better_knowledge() {
    let filer = Filer::small();
    let digest = filer.running.certificate_sha256();
    let pairs: Vec<String> =
        digest.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).to_uppercase()).collect();
    let ways = [
        "ca_file = \"filer.pem\"".to_owned(),
        format!("certificate_sha256 = \"{digest}\""),
        format!("certificate_sha256 = \"{}\"", pairs.join(":")),
        "insecure = true".to_owned(),
    ];
    for way in ways {
        let lines = if way.starts_with("ca_file") { "" } else { &way };
        assert_eq!(filer.endpoint(lines).volumes().await.unwrap().len(), 2, "{way}");
    }
}

#[tokio::test]
async fn an_unknown_certificate_is_refused_and_nothing_is_sent() {
    let (filer, other) = (Filer::with(SMALL), Filer::small());
    filer.file("other.pem", other.running.certificate_pem());
    let of_other = filer.toml("").replace("filer.pem", "other.pem");
    let system = filer.toml("").replace("ca_file = \"filer.pem\"", "");
    let digest = filer.toml(&format!("certificate_sha256 = \"{}\"", other.running.certificate_sha256()));
    for toml in [of_other, system, digest] {
        let endpoint = filer.tree(&toml).shared.endpoints[0].backend.clone();
        let error = endpoint.volumes().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unreachable, "{error}");
        assert!(error.to_string().contains("the certificate of 127.0.0.1 is not trusted"), "{error}");
        let hint = error.hint.clone().unwrap();
        assert!(hint.contains("ca_file") && hint.contains("certificate_sha256"), "{hint}");
    }
    assert_eq!(filer.take_calls(), "");
}

#[test]
fn a_filer_that_is_not_checked_is_said_aloud() {
    let (filer, log) = (Filer::small(), Log::of(tracing::Level::WARN));
    filer.endpoint("");
    assert_eq!(log.text(), "");
    filer.endpoint("insecure = true");
    assert!(log.text().contains("the certificate of this filer is not checked"), "{}", log.text());
    assert!(log.text().contains("127.0.0.1"), "{}", log.text());
}

#[test]
fn a_configuration_of_trust_that_cannot_be_is_refused() {
    let filer = Filer::small();
    filer.file("empty.pem", "nothing here\n");
    let sha = |value: &str| filer.toml(&format!("certificate_sha256 = \"{value}\""));
    let rows = [
        (sha("abc"), "64 hexadecimal digits"),
        (sha(&"zz".repeat(32)), "64 hexadecimal digits"),
        (sha(&"ä".repeat(32)), "64 hexadecimal digits"),
        (sha(&"ab".repeat(33)), "64 hexadecimal digits"),
        (sha(""), "64 hexadecimal digits"),
        (filer.toml("").replace("filer.pem", "none.pem"), "none.pem: No such file or directory"),
        (filer.toml("").replace("filer.pem", "empty.pem"), "there is no certificate in the file"),
        (filer.toml("insecure = true\nca_file = \"filer.pem\""), "exclude each other"),
    ];
    for (toml, words) in rows {
        let error = refused(&filer, &toml);
        assert!(error.contains(words), "{error}");
        assert!(error.contains("filerfs.toml:"), "{error}");
    }
}
