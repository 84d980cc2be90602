//! HTTP and TLS: headers, framing, credentials, how long a connection lasts.

use std::time::Duration;

use filerfs::simulator::{SERVLET, Settings};

use crate::client::Filer;
use crate::message::envelope;

const PROBE: &str = "<system-get-ontapi-version/>";

#[test]
fn answers_look_as_recorded() {
    let filer = Filer::with("{}");
    let mut connection = filer.connect();
    let short = filer.post(&mut connection, &envelope("", PROBE)).unwrap();
    assert_eq!(short.status, 200);
    assert_eq!(short.header("Content-Type"), Some("text/xml"));
    assert_eq!(short.header("Server"), Some("libzapid-httpd"));
    assert_eq!(short.header("Connection"), Some("Keep-Alive"));
    assert_eq!(short.header("Keep-Alive"), Some("timeout=5, max=100"));
    assert_eq!(short.header("Content-Length"), Some(short.body.len().to_string().as_str()));
    let start = "<?xml version='1.0' encoding='UTF-8' ?>\n<!DOCTYPE netapp SYSTEM 'file:/etc/netapp_gx.dtd'>\n\
                 <netapp version='1.110' xmlns='http://www.netapp.com/filer/admin'>\n<results status=\"passed\">";
    assert!(short.body.starts_with(start), "{}", short.body);
    let long = filer.post(&mut connection, &envelope("", "<vserver-get-iter/>")).unwrap();
    assert_eq!(long.header("Keep-Alive"), Some("timeout=5, max=99"));
    assert_eq!((long.header("Transfer-Encoding"), long.header("Content-Length")), (Some("chunked"), None));
    let nothing = "<snapshot-create><volume>vs1_root</volume><snapshot>s</snapshot></snapshot-create>";
    let nothing = filer.post(&mut connection, &envelope(" vfiler=\"vs1\"", nothing)).unwrap();
    assert!(nothing.body.ends_with("\n<results status=\"passed\"/></netapp>"), "{}", nothing.body);
    let refused =
        filer.post(&mut connection, &envelope("", "<odd&amp;/>").replace("odd&amp;", "odd")).unwrap();
    let end = "\n<results reason=\"Unable to find API: odd\" status=\"failed\" errno=\"13005\"/></netapp>";
    assert!(refused.status == 200 && refused.body.ends_with(end), "{}", refused.body);
}

#[test]
fn a_connection_lasts_a_hundred_requests() {
    let filer = Filer::start(Settings { requests: 3, ..Settings::default() });
    let mut connection = filer.connect();
    for expected in ["Keep-Alive", "Keep-Alive", "close"] {
        let response = filer.post(&mut connection, &envelope("", PROBE)).unwrap();
        assert_eq!(response.header("Connection"), Some(expected));
    }
    assert!(filer.post(&mut connection, &envelope("", PROBE)).is_none());
    assert_eq!(Settings::default().requests, 100);
}

#[test]
fn an_idle_connection_is_closed() {
    let filer = Filer::start(Settings { idle: Duration::from_millis(100), ..Settings::default() });
    let mut connection = filer.connect();
    filer.post(&mut connection, &envelope("", PROBE)).unwrap();
    assert!(!connection.wait_for_end());
    assert_eq!(Settings::default().idle, Duration::from_secs(5));
}

#[test]
fn without_the_password_there_is_a_challenge() {
    let filer = Filer::with("{}");
    for authorization in [None, Some("Basic ZmlsZXJmczp3cm9uZw=="), Some("Bearer x")] {
        let response = filer.connect().request("POST", SERVLET, authorization, &envelope("", PROBE)).unwrap();
        assert_eq!(response.status, 401);
        assert!(response.header("WWW-Authenticate").unwrap().starts_with("Basic realm="));
        assert_eq!(response.header("Content-Type"), Some("text/html"));
    }
    assert_eq!(filer.running.calls().into_iter().collect::<Vec<_>>(), [("unauthorized".to_owned(), 3)]);
}

#[test]
fn other_paths_and_methods_are_refused() {
    let filer = Filer::with("{}");
    assert_eq!(filer.control("GET", SERVLET, "").0, 405);
    assert_eq!(filer.control("GET", "/", "").0, 404);
    assert_eq!(filer.control("PUT", "/simulator/calls", "").0, 404);
    assert_eq!(filer.control("POST", "/", &"x".repeat(5 << 20)).0, 413);
}

#[test]
fn calls_are_counted_by_name() {
    let filer = Filer::with("{}");
    filer.call("<volume-get-iter/>").passed();
    filer.call("<volume-get-iter/>").passed();
    filer.call("<odd/>");
    let (status, calls) = filer.control("GET", "/simulator/calls", "");
    assert_eq!((status, calls), (200, serde_json::json!({"odd": 1, "volume-get-iter": 2})));
    assert_eq!(filer.control("DELETE", "/simulator/calls", "").0, 200);
    assert!(filer.running.calls().is_empty());
}

#[test]
fn the_end_of_a_simulator_frees_its_port() {
    let filer = Filer::with("{}");
    let address = filer.running.address();
    let mut connection = filer.connect();
    filer.post(&mut connection, &envelope("", PROBE)).unwrap();
    drop(filer);
    assert!(!connection.wait_for_end());
    let mut bound = std::net::TcpListener::bind(address);
    while bound.is_err() {
        std::thread::yield_now();
        bound = std::net::TcpListener::bind(address);
    }
}
