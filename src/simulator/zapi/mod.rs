//! ZAPI: from the bytes of a request to those of its answer.

mod aggregates;
pub(crate) mod arguments;
pub(crate) mod call;
mod clones;
mod efficiency;
mod list;
mod locks;
mod pattern;
mod policies;
mod rules;
mod snapshots;
mod system;
pub(crate) mod volumes;
pub(crate) mod xml;

pub(crate) use pattern::matches;

use call::{Call, Context, Refusal, Reply, Scope};
use xml::Element;

use super::filer::Filer;
use super::{Address, Ontap};

/// Where ZAPI is served.
pub const SERVLET: &str = "/servlets/netapp.servlets.admin.XMLrequest_filer";
const NAMESPACE: &str = "http://www.netapp.com/filer/admin";

/// Every call.
const TABLE: [&[Call]; 13] = [
    system::CALLS,
    aggregates::CALLS,
    volumes::CALLS,
    volumes::create::CALLS,
    volumes::state::CALLS,
    volumes::modify::CALLS,
    volumes::size::CALLS,
    efficiency::CALLS,
    snapshots::CALLS,
    clones::CALLS,
    policies::CALLS,
    rules::CALLS,
    locks::CALLS,
];

/// A request, read.
#[derive(Debug)]
pub struct Request {
    version: Option<String>,
    vfiler: Option<String>,
    pub call: Element,
}

/// Reads the envelope.
pub fn read(text: &str) -> Result<Request, Refusal> {
    let malformed = |what: &str| Refusal::new(13001, format!("Malformed request: {what}"));
    let document = xml::read(text).map_err(|e| malformed(&e))?;
    let attribute =
        |name: &str| document.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    if document.root.name != "netapp" || attribute("xmlns").as_deref() != Some(NAMESPACE) {
        return Err(malformed("the root is not netapp of the namespace of filers"));
    }
    let (version, vfiler) = (attribute("version"), attribute("vfiler"));
    let call = document.root.children.into_iter().next().ok_or_else(|| malformed("no call"))?;
    Ok(Request { version, vfiler, call })
}

/// Does what the request says.
pub fn run(filer: &mut Filer, request: &Request, address: Address, strict: bool) -> Reply {
    let name = request.call.name.as_ref();
    if let Some(version) = &request.version {
        check_version(filer.ontap, version)?;
    }
    let in_svm = match (&request.vfiler, address) {
        (Some(svm), Address::Cluster) if *svm == filer.svm => true,
        (Some(_), Address::Cluster) => return Err(Refusal::new(15698, "Specified vserver not found")),
        (Some(_), Address::Svm) => {
            return Err(Refusal::new(13003, "Insufficient privileges: an SVM cannot tunnel to another"));
        }
        (None, address) => address == Address::Svm,
    };
    let call = TABLE.iter().flat_map(|calls| calls.iter()).find(|call| call.name == name);
    let here = call.filter(|call| match call.scope {
        Scope::Any => true,
        Scope::Cluster => !in_svm,
        Scope::Svm => in_svm,
    });
    let Some(call) = here else {
        let place = if in_svm { format!(" on data vserver {}", filer.svm) } else { String::new() };
        return Err(Refusal::new(13005, format!("Unable to find API: {name}{place}")));
    };
    if strict {
        call.strict(&request.call)?;
    }
    (call.run)(&mut Context { filer, in_svm }, &request.call)
}

fn check_version(ontap: Ontap, version: &str) -> Result<(), Refusal> {
    let numbers = |text: &str| {
        let (major, minor) = text.split_once('.')?;
        Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?))
    };
    let asked = numbers(version).ok_or_else(|| Refusal::invalid("version", version))?;
    match Some(asked) > numbers(ontap.ontapi()) {
        true => {
            Err(Refusal::new(13010, format!("Version {version} is not supported; {} is", ontap.ontapi())))
        }
        false => Ok(()),
    }
}

/// The answer as the filer words it.
pub fn write(ontap: Ontap, reply: &Reply) -> String {
    let mut out = format!(
        "<?xml version='1.0' encoding='UTF-8' ?>\n<!DOCTYPE netapp SYSTEM 'file:/etc/netapp_gx.dtd'>\n\
         <netapp version='{}' xmlns='{NAMESPACE}'>\n",
        ontap.ontapi()
    );
    match reply {
        Ok(results) if results.is_empty() => out.push_str("<results status=\"passed\"/>"),
        Ok(results) => {
            out.push_str("<results status=\"passed\">");
            results.iter().for_each(|result| result.write(&mut out));
            out.push_str("</results>");
        }
        Err(refusal) => {
            out.push_str("<results reason=\"");
            xml::escape(&refusal.reason, &mut out);
            out.push_str(&format!("\" status=\"failed\" errno=\"{}\"/>", refusal.errno));
        }
    }
    out.push_str("</netapp>");
    out
}
