//! The documents against the code.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;

use filerfs::backend::Kind;
use filerfs::backends::ontap::zapi::errors::ERRNOS;
use filerfs::mount::errno::errno;
use filerfs::tree::describe;

fn table(file: &str, head: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(file).unwrap();
    let rows = text
        .lines()
        .skip_while(|line| !line.starts_with(head))
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

#[test]
fn errors_md_has_every_kind_with_its_errno_and_text() {
    let documented = table("docs/errors.md", "| kind |");
    let in_code = Kind::ALL.map(|kind| {
        let (code, name) = errno(kind);
        let text = std::io::Error::from_raw_os_error(code).to_string();
        let text = text.split(" (os error").next().unwrap().to_owned();
        vec![format!("{kind:?}"), name.to_owned(), text]
    });
    let documented: Vec<_> = documented.iter().map(|row| row[..3].to_vec()).collect();
    assert_eq!(documented, in_code);
}

#[test]
fn errors_md_has_every_errno_of_zapi_with_its_kind() {
    let documented = table("docs/errors.md", "| ZAPI errno |");
    assert!(documented.iter().all(|row| row.len() == 3 && !row[2].is_empty()));
    let documented: Vec<_> = documented.iter().map(|row| row[..2].to_vec()).collect();
    let in_code = ERRNOS.map(|(number, kind)| vec![number.to_owned(), format!("{kind:?}")]);
    assert_eq!(documented, in_code);
    let numbers = ERRNOS.map(|(number, _)| number.parse::<u32>().unwrap());
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "not in order, or a number stands twice");
}

#[test]
fn operating_md_names_every_key_of_an_endpoint() {
    let text = fs::read_to_string("docs/operating.md").unwrap();
    let code = fs::read_to_string("src/config/endpoint.rs").unwrap();
    let fields = code.split("pub struct Endpoint {").nth(1).unwrap().split("\n}").next().unwrap();
    let keys: Vec<&str> =
        fields.lines().filter_map(|line| line.trim().strip_prefix("pub ")?.split(':').next()).collect();
    assert!(keys.len() > 15, "{keys:?}");
    for key in keys {
        assert!(
            text.contains(&format!("`{key}`")) || text.contains(&format!("{key} =")),
            "{key} is not explained"
        );
    }
}

#[test]
fn namespace_md_is_the_output_of_describe() {
    let documented = fs::read_to_string("docs/namespace.md").unwrap();
    assert!(
        documented == describe::markdown(),
        "run: filerfs describe --format markdown > docs/namespace.md"
    );
}

#[test]
fn the_decisions_name_every_dependency() {
    let manifest = fs::read_to_string("Cargo.toml").unwrap();
    let reasons = fs::read_to_string("docs/decisions/0002-dependencies.md").unwrap();
    let named: Vec<&str> =
        reasons.lines().filter_map(|line| line.strip_prefix('|')?.split('|').next()).collect();
    let manifest: toml::Table = manifest.parse().unwrap();
    for section in ["dependencies", "dev-dependencies"] {
        for name in manifest[section].as_table().unwrap().keys() {
            let reason = named.iter().any(|names| names.split(',').any(|one| one.trim() == name));
            assert!(reason, "{name} has no reason in the decisions");
        }
    }
}

#[test]
fn every_paragraph_of_semantics_md_has_a_test() {
    let text = fs::read_to_string("docs/semantics.md").unwrap();
    let tests: String = files("tests").iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let mut paragraphs = 0;
    for paragraph in text.split("\n\n").filter(|paragraph| paragraph.starts_with("**")) {
        let named: Vec<&str> =
            paragraph.split("[test: `").skip(1).filter_map(|rest| rest.split('`').next()).collect();
        assert!(!named.is_empty(), "no test is named in: {paragraph}");
        for test in named {
            assert!(tests.contains(&format!("fn {test}(")), "there is no test {test}, named in: {paragraph}");
        }
        paragraphs += 1;
    }
    assert!(paragraphs > 20, "only {paragraphs} paragraphs were found");
}

fn files(dir: &str) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { files(path.to_str().unwrap()) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}
