//! Connections that the filer closes when it has had enough of them: no failure.

use std::time::Duration;

use filerfs::simulator::Settings;

use crate::filer::{Filer, SMALL, s, v};

fn filer(settings: Settings) -> Filer {
    Filer::start(Settings { content: serde_json::from_str(SMALL).unwrap(), ..settings })
}

#[tokio::test]
async fn a_connection_closed_after_so_many_requests_is_followed_by_another() {
    let filer = filer(Settings { requests: 3, ..Settings::default() });
    let endpoint = filer.endpoint("");
    for round in 0..10 {
        let name = s(&format!("x{round}"));
        endpoint.create_snapshot(&v("db1"), &name).await.unwrap();
        endpoint.get_snapshot(&v("db1"), &name).await.unwrap();
        endpoint.get_volume(&v("db1")).await.unwrap();
        endpoint.delete_snapshot(&v("db1"), &name).await.unwrap();
    }
    let calls =
        "sis-get-iter 10, snapshot-create 10, snapshot-delete 10, snapshot-get-iter 10, volume-get-iter 10";
    assert_eq!(filer.take_calls(), calls);
}

#[tokio::test]
async fn a_connection_closed_while_it_is_idle_is_followed_by_another() {
    let filer = filer(Settings { idle: Duration::from_millis(50), ..Settings::default() });
    let endpoint = filer.endpoint("");
    endpoint.get_volume(&v("db1")).await.unwrap();
    filer.take_calls();
    for round in 0..5 {
        let name = s(&format!("x{round}"));
        endpoint.create_snapshot(&v("db1"), &name).await.unwrap();
        // Longer than the filer keeps it.
        tokio::time::sleep(Duration::from_millis(300)).await;
        endpoint.delete_snapshot(&v("db1"), &name).await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        endpoint.get_volume(&v("db1")).await.unwrap();
    }
    assert_eq!(filer.take_calls(), "sis-get-iter 5, snapshot-create 5, snapshot-delete 5, volume-get-iter 5");
}

#[tokio::test]
async fn no_more_calls_are_in_flight_than_allowed() {
    let filer = filer(Settings { latency: Duration::from_millis(20), ..Settings::default() });
    // With one at a time, a caller that waits too long is told why.
    let endpoint = filer.endpoint("max_calls = 1\nread_timeout = \"90ms\"");
    let names: Vec<_> = (0..20).map(|i| v(&format!("v{i}"))).collect();
    let answers = futures_util::future::join_all(names.iter().map(|name| endpoint.get_volume(name))).await;
    let texts: Vec<_> = answers.into_iter().map(|answer| answer.unwrap_err().to_string()).collect();
    assert!(texts.iter().any(|text| text.contains("there is no volume")), "{texts:?}");
    assert!(texts.iter().any(|text| text.contains("waited 90ms for one of 1 calls to end")), "{texts:?}");
    assert!(filer.count("volume-get-iter") < 20);
}
