//! HTTP over TLS as the filer speaks it: keep-alive with limits, chunked answers, 401 with a challenge.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, RETRY_AFTER, SERVER, WWW_AUTHENTICATE};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::server::{Answer, Server};
use super::{SERVLET, control};

/// No request is larger.
const LARGEST: usize = 4 << 20;
/// Longer answers are chunked: as recorded, those with records are, an empty list is not.
const CHUNKED: usize = 300;
/// Bytes of a chunk.
const CHUNK: usize = 8 << 10;
/// Bytes of a drop.
const DROP: usize = 16;

/// The connection ends without an answer, or within it.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed, as the fault wants it")]
pub struct Closed;

type Body = UnsyncBoxBody<Bytes, Closed>;

/// Serves connections until the listener fails.
pub async fn accept(listener: TcpListener, acceptor: TlsAcceptor, server: Arc<Server>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve(stream, acceptor.clone(), server.clone()))),
            Err(error) => {
                tracing::warn!(%error, "simulator: cannot accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, server: Arc<Server>) {
    // Answers are small and waited for.
    let _ = stream.set_nodelay(true);
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let served = AtomicU32::new(0);
    let (served, server) = (&served, &server);
    let answer = service_fn(move |request| async move {
        let number = served.fetch_add(1, Ordering::Relaxed) + 1;
        let mut response = respond(server, request).await?;
        keep_alive(server, number, &mut response);
        Ok::<_, Closed>(response)
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .title_case_headers(true)
        .header_read_timeout(server.idle)
        .serve_connection(TokioIo::new(stream), answer);
    // How a connection ends concerns the client alone.
    tokio::select! {
        _ = connection => {}
        () = server.closing.notified() => {}
    }
}

/// Says how long the connection lasts: so many seconds without a request, so many requests.
fn keep_alive(server: &Server, number: u32, response: &mut Response<Body>) {
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: String| {
        if let Ok(value) = value.parse() {
            headers.insert(name, value);
        }
    };
    if number >= server.requests {
        set(CONNECTION.as_str(), "close".to_owned());
    } else {
        set(CONNECTION.as_str(), "Keep-Alive".to_owned());
        let left = server.requests - number + 1;
        set("keep-alive", format!("timeout={}, max={left}", server.idle.as_secs()));
    }
}

async fn respond(server: &Server, request: Request<Incoming>) -> Result<Response<Body>, Closed> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, LARGEST).collect().await else {
        return Ok(page(StatusCode::PAYLOAD_TOO_LARGE));
    };
    let body = body.to_bytes();
    if !server.authorizes(head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok())) {
        server.count("unauthorized");
        return Ok(page(StatusCode::UNAUTHORIZED));
    }
    match (&head.method, head.uri.path()) {
        (&Method::POST, SERVLET) => send(server.zapi(&body).await),
        (_, SERVLET) => Ok(page(StatusCode::METHOD_NOT_ALLOWED)),
        (method, path) => Ok(match control::respond(server, method, path, &body) {
            Ok(json) => whole(StatusCode::OK, "application/json", json),
            Err((status, sentence)) => whole(status, "text/plain", sentence),
        }),
    }
}

fn send(answer: Answer) -> Result<Response<Body>, Closed> {
    let xml = |body: Body| Ok(response(StatusCode::OK, "text/xml", body));
    match answer {
        Answer::Xml(text) | Answer::Cut(text) if text.len() <= CHUNKED => {
            Ok(whole(StatusCode::OK, "text/xml", text))
        }
        Answer::Xml(text) | Answer::Cut(text) => {
            let chunks = pieces(&text, CHUNK).into_iter().map(|chunk| Ok(Frame::data(chunk)));
            xml(BodyExt::boxed_unsync(StreamBody::new(stream::iter(chunks))))
        }
        Answer::Drip(text, every) => {
            let drops = stream::iter(pieces(&text, DROP)).then(move |drop| async move {
                tokio::time::sleep(every).await;
                Ok(Frame::data(drop))
            });
            xml(BodyExt::boxed_unsync(StreamBody::new(drops)))
        }
        Answer::Broken(text) => {
            let half =
                pieces(&text, text.len().div_ceil(2)).into_iter().take(1).map(|half| Ok(Frame::data(half)));
            // The first half reaches the client before the connection breaks.
            let end = stream::once(async {
                tokio::time::sleep(Duration::from_millis(20)).await;
                Err(Closed)
            });
            xml(BodyExt::boxed_unsync(StreamBody::new(stream::iter(half).chain(end))))
        }
        Answer::Page(status) => Ok(page(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY))),
        Answer::Nothing => Err(Closed),
    }
}

fn pieces(text: &str, size: usize) -> Vec<Bytes> {
    text.as_bytes().chunks(size).map(Bytes::copy_from_slice).collect()
}

fn page(status: StatusCode) -> Response<Body> {
    let text = format!("<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>\n");
    let mut response = whole(status, "text/html", text);
    let headers = response.headers_mut();
    match status {
        // Some clients send the password only when asked to.
        StatusCode::UNAUTHORIZED => {
            headers.insert(WWW_AUTHENTICATE, "Basic realm=\"Administration\"".parse().expect("a good value"));
        }
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            headers.insert(RETRY_AFTER, "1".parse().expect("a good value"));
        }
        _ => {}
    }
    response
}

fn whole(status: StatusCode, kind: &'static str, text: String) -> Response<Body> {
    let body = Full::new(Bytes::from(text)).map_err(|never: Infallible| match never {});
    response(status, kind, BodyExt::boxed_unsync(body))
}

fn response(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    headers.insert(SERVER, hyper::header::HeaderValue::from_static("libzapid-httpd"));
    response
}
