//! NetApp ONTAP.

mod http;
mod tls;
pub mod zapi;

pub use http::{Http, Secret, Server};
pub use tls::Trust;
