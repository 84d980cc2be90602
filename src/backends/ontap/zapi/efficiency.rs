//! Compression, and the aggregates that new volumes go to.

use serde::Deserialize;

use super::errors::refused_with;
use super::volumes::Compression;
use super::xml::Element;
use super::{Zapi, optional, records, required, typed, understood};
use crate::backend::{Error, Kind, Result, VolumeName};

const SIS: &str = "sis-get-iter";
const AGGREGATES: &str = "vserver-show-aggr-get-iter";

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
struct Efficiency {
    path: Option<String>,
    vserver: Option<String>,
    is_compression_enabled: Option<String>,
    is_inline_compression_enabled: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
struct Aggregate {
    aggregate_name: Option<String>,
    available_size: Option<String>,
}

records!(Efficiencies, "sis-status-info", Efficiency);
records!(Aggregates, "show-aggregates", Aggregate);

impl Zapi {
    /// Of one volume, or of all in one listing. Without a record, nothing is compressed.
    pub(super) async fn compression(&self, of: Option<&VolumeName>) -> Result<Compression> {
        let fields = ["path", "vserver", "is-compression-enabled", "is-inline-compression-enabled"];
        let wanted = Element::new().child("sis-status-info", Element::new().names(&fields));
        let mut arguments = Element::new();
        if let Some(volume) = of {
            let query =
                Element::new().text("path", format!("/vol/{volume}")).maybe("vserver", self.svm.as_deref());
            arguments = arguments.child("query", Element::new().child("sis-status-info", query));
        }
        let records = self.list::<Efficiencies>(SIS, arguments.child("desired-attributes", wanted)).await?;
        let read = |record: Efficiency| {
            if self.svm.is_some() && record.vserver.is_some() && record.vserver != self.svm {
                return Ok(None);
            }
            let path = required(SIS, "path", &record.path)?;
            let background = optional(SIS, "is-compression-enabled", &record.is_compression_enabled)?;
            let inline =
                optional(SIS, "is-inline-compression-enabled", &record.is_inline_compression_enabled)?;
            let volume = path.trim_start_matches("/vol/").to_owned();
            Ok(Some((volume, (background.unwrap_or(false), inline.unwrap_or(false)))))
        };
        Ok(understood(SIS, records, read).into_iter().collect())
    }

    /// Sets both; the other one is what it was.
    pub(super) async fn change_compression(
        &self,
        volume: &VolumeName,
        background: Option<bool>,
        inline: Option<bool>,
    ) -> Result<()> {
        let now = match (background, inline) {
            (Some(background), Some(inline)) => (background, inline),
            _ => self.compression(Some(volume)).await?.get(volume.as_str()).copied().unwrap_or_default(),
        };
        let wanted = (background.unwrap_or(now.0), inline.unwrap_or(now.1));
        if wanted == (false, true) {
            let error = Error::new(Kind::Invalid, "inline compression needs compression");
            return Err(error.hint("set compression_enabled too: in config, both at once"));
        }
        self.compress(volume, wanted).await
    }

    pub(super) async fn compress(
        &self,
        volume: &VolumeName,
        (background, inline): (bool, bool),
    ) -> Result<()> {
        let path = format!("/vol/{volume}");
        match self.tell("sis-enable", Element::new().text("path", &path)).await {
            Err(error) if !already(&error) => return Err(error),
            _ => {}
        }
        let config = Element::new()
            .text("enable-compression", background)
            .text("enable-inline-compression", inline)
            .text("path", &path);
        self.tell("sis-set-config", config).await
    }

    /// The aggregate with the most free space; of equals, the first by name.
    pub(super) async fn roomiest_aggregate(&self) -> Result<String> {
        let wanted = Element::new()
            .child("show-aggregates", Element::new().names(&["aggregate-name", "available-size"]));
        let mut arguments = Element::new().child("desired-attributes", wanted);
        if let Some(svm) = &self.svm {
            let query = Element::new().child("show-aggregates", Element::new().text("vserver-name", svm));
            arguments = arguments.child("query", query);
        }
        let records = self.list::<Aggregates>(AGGREGATES, arguments).await?;
        let read = |record: Aggregate| {
            let name = required(AGGREGATES, "aggregate-name", &record.aggregate_name)?.to_owned();
            let free: u64 = typed(
                AGGREGATES,
                "available-size",
                required(AGGREGATES, "available-size", &record.available_size)?,
            )?;
            Ok((!name.starts_with("aggr0")).then_some((name, free)))
        };
        let mut aggregates = understood(AGGREGATES, records, read);
        aggregates.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let error = || {
            Error::new(Kind::NoSpace, "the SVM has no aggregate for data volumes").hint("assign one to it")
        };
        aggregates.into_iter().next().map(|(name, _)| name).ok_or_else(error)
    }
}

/// Releases differ in the number, so the text decides too.
fn already(error: &Error) -> bool {
    refused_with(error, "40043") || error.message.contains("already been enabled")
}
