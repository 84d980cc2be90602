//! NetApp ONTAP.

mod http;
pub mod zapi;

pub use crate::tls::Trust;
pub use http::{Http, Secret, Server};
