//! `/simulator/`: calls counted, faults planted, locks taken.

use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::fault::Fault;
use super::server::Server;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewLock {
    volume: String,
    client_address: String,
}

/// JSON, or a status and a sentence.
pub fn respond(
    server: &Server,
    method: &Method,
    path: &str,
    body: &[u8],
) -> Result<String, (StatusCode, String)> {
    let bad = |error: serde_json::Error| (StatusCode::BAD_REQUEST, format!("{error}\n"));
    match (method.as_str(), path) {
        ("GET", "/simulator/calls") => Ok(json!(*server.calls.lock()).to_string()),
        ("DELETE", "/simulator/calls") => {
            server.calls.lock().clear();
            Ok("{}".to_owned())
        }
        ("GET", "/simulator/faults") => {
            let faults = server.faults.list().into_iter().map(|(fault, fired)| {
                let mut fault = json!(fault);
                fault["fired"] = fired.into();
                fault
            });
            Ok(json!(faults.collect::<Vec<_>>()).to_string())
        }
        ("POST", "/simulator/faults") => {
            let fault: Fault = serde_json::from_slice(body).map_err(bad)?;
            server.faults.plant(fault);
            Ok("{}".to_owned())
        }
        ("DELETE", "/simulator/faults") => {
            server.faults.clear();
            Ok("{}".to_owned())
        }
        ("POST", "/simulator/locks") => {
            let lock: NewLock = serde_json::from_slice(body).map_err(bad)?;
            let taken = server.filer.lock().lock(&lock.volume, &lock.client_address);
            taken.map_err(|refusal| (StatusCode::NOT_FOUND, format!("{}\n", refusal.reason)))?;
            Ok("{}".to_owned())
        }
        _ => Err((StatusCode::NOT_FOUND, format!("there is no {method} {path}\n"))),
    }
}
