//! A network that loses things: a way to one node that can be told what to do.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// What becomes of what is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It arrives.
    Open,
    /// Requests arrive; answers are lost.
    Deaf,
    /// Requests arrive; instead of the answer the connection ends.
    Cut,
    /// Requests wait on the way until it is another.
    Jammed,
    /// Transactions do.
    Undecided,
}

type State = Arc<(Mutex<Way>, Condvar)>;

pub struct Proxy {
    address: SocketAddr,
    way: State,
}

impl Proxy {
    /// Before the node at this URL. Its threads end with the test.
    pub fn before(endpoint: &str) -> Proxy {
        let node = endpoint.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let (address, way) =
            (listener.local_addr().unwrap(), State::new((Mutex::new(Way::Open), Condvar::new())));
        let kept = way.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, node) = (client.unwrap(), TcpStream::connect(&node).unwrap());
                let (client2, node2) = (client.try_clone().unwrap(), node.try_clone().unwrap());
                let (there, back) = (kept.clone(), kept.clone());
                thread::spawn(move || requests(client, node, &there));
                thread::spawn(move || answers(node2, client2, &back));
            }
        });
        Proxy { address, way }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn is(&self, way: Way) {
        *self.way.0.lock() = way;
        self.way.1.notify_all();
    }
}

const DECIDES: &[u8] = b"/kv/txn";

fn requests(mut from: TcpStream, mut to: TcpStream, way: &State) {
    let mut buffer = [0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let mut now = way.0.lock();
        let decides = buffer[..read].windows(DECIDES.len()).any(|part| part == DECIDES);
        while *now == Way::Jammed || *now == Way::Undecided && decides {
            way.1.wait_for(&mut now, Duration::from_secs(60));
        }
        drop(now);
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

fn answers(mut from: TcpStream, mut to: TcpStream, way: &State) {
    let mut buffer = [0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let now = *way.0.lock();
        match now {
            Way::Open | Way::Jammed | Way::Undecided => {
                if to.write_all(&buffer[..read]).is_err() {
                    break;
                }
            }
            Way::Deaf => {}
            Way::Cut => break,
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
