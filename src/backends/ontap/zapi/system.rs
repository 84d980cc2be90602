//! What the filer is, and as whom it knows us: for `filerfs check`.

use serde::Deserialize;

use super::xml::Element;
use super::{PATH, Zapi, records, required};
use crate::backend::{Error, Kind, Result};

#[derive(Deserialize)]
struct Version {
    #[serde(default)]
    version: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
struct Vserver {
    vserver_name: Option<String>,
    vserver_type: Option<String>,
}

records!(Vservers, "vserver-info", Vserver);

impl Zapi {
    /// The release is the cluster's to tell; an SVM's own account may not ask.
    async fn ask_release(&self) -> Result<String> {
        let body = Element::new().message("system-get-version", None);
        let answer = self.http.post(PATH, body).await?;
        let release = match super::read::<Version>("system-get-version", &answer) {
            Ok(version) => required("system-get-version", "version", &version.version)?.to_owned(),
            Err(_) => "ONTAP".to_owned(),
        };
        Ok(release.split(':').next().unwrap_or(&release).to_owned())
    }

    /// The release, the SVM, and what of it may be read.
    pub(super) async fn describe(&self) -> Result<String> {
        let release = self.release.get_or_try_init(|| self.ask_release()).await?;
        let vservers = self.list::<Vservers>("vserver-get-iter", Element::new()).await?;
        let (data, others): (Vec<_>, Vec<_>) = vservers
            .into_iter()
            .partition(|vserver| vserver.vserver_type.as_deref().is_none_or(|of| of == "data"));
        let names: Vec<String> = data.into_iter().filter_map(|vserver| vserver.vserver_name).collect();
        if self.svm.is_none() && !others.is_empty() {
            let message = format!("{} is the address of a cluster, and no SVM is named", self.http.host());
            return Err(
                Error::new(Kind::Invalid, message).hint(format!("set svm; there are: {}", names.join(" ")))
            );
        }
        // What the account may read is seen by reading it; nothing tells what it may change but a change.
        let (volumes, policies) = (self.all_volumes().await?.len(), self.all_policies().await?.len());
        let names = names.join(" ");
        Ok(format!("{release}, SVM {names}, may read {volumes} volumes and {policies} policies"))
    }
}
