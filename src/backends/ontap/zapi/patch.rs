//! Changes of volumes: one call for one setting, several settings whole or not at all.

use super::errors::{of_policy, of_volume};
use super::volumes::{check_marks, missing, possible};
use super::xml::Element;
use super::{Zapi, after};
use crate::backend::{Error, Result, Sent, Settings, VolumeName};

/// What of a patch is set at once, in words for people.
type Step = (&'static str, Settings);

/// The steps of a patch: those first that can be refused for what else is on the filer, and the size late.
/// What has nothing to set is left out.
fn steps(settings: &Settings) -> Vec<Step> {
    let all = settings.clone();
    let none = Settings::default;
    let steps = [
        (
            "reserve, caching policy, comment and export policy",
            Settings {
                percentage_snapshot_reserve: all.percentage_snapshot_reserve,
                caching_policy: all.caching_policy,
                comment: all.comment,
                active_policy_name: all.active_policy_name,
                ..none()
            },
        ),
        ("junction_path", Settings { junction_path: all.junction_path, ..none() }),
        (
            "compression",
            Settings {
                compression_enabled: all.compression_enabled,
                inline_compression: all.inline_compression,
                ..none()
            },
        ),
        ("size_total", Settings { size_total: all.size_total, ..none() }),
        (
            "autosize",
            Settings { autosize_enabled: all.autosize_enabled, max_autosize: all.max_autosize, ..none() },
        ),
    ];
    steps.into_iter().filter(|(_, step)| !step.is_empty()).collect()
}

impl Zapi {
    /// One call for one setting. Of several, what differs is set step by step; if one is refused, those before it
    /// are taken back.
    pub(super) async fn patch(&self, name: &VolumeName, settings: &Settings) -> Result<()> {
        if !possible(name) {
            return Err(missing(name));
        }
        check_marks(settings)?;
        let only = steps(settings);
        // A volume that is mounted elsewhere leaves that place first: it must be known to come back.
        if let [(_, step)] = &only[..]
            && settings.junction_path.is_none()
        {
            return self.set(name, step).await;
        }
        let before = self.one_volume(name).await?.settings.clone();
        let steps = steps(&settings.clone().differing(&before));
        for (at, (_, step)) in steps.iter().enumerate() {
            if let Err(error) = self.set(name, step).await {
                return Err(self.taken_back(name, &before, &steps[..=at], error).await);
            }
        }
        Ok(())
    }

    /// Takes back what was done before a refusal, and what the refused step may have begun; the last first.
    async fn taken_back(&self, name: &VolumeName, before: &Settings, steps: &[Step], error: Error) -> Error {
        // Without an answer nobody knows whether the last step was made; with more calls nobody would know better.
        if error.sent == Sent::Unknown {
            let done: Vec<_> = steps[..steps.len() - 1].iter().map(|(what, _)| *what).collect();
            return after(&done, error);
        }
        for (at, (what, step)) in steps.iter().enumerate().rev() {
            let refused = at == steps.len() - 1;
            // Only a mount has more than one call to it, of which the first was made.
            if refused && step.junction_path.is_none() {
                continue;
            }
            if self.set(name, &before.clone().named_in(step)).await.is_err() {
                return error.context(format!("{what} was done and could not be taken back"));
            }
        }
        error
    }

    /// Sets this, in the fewest calls.
    async fn set(&self, name: &VolumeName, settings: &Settings) -> Result<()> {
        let attributes = modified(settings);
        if !attributes.is_empty() {
            let arguments = Element::new()
                .child("attributes", Element::new().child("volume-attributes", attributes))
                .child("query", self.query_in_use(name));
            let changed = self.change_one("volume-modify-iter", arguments, || missing(name)).await;
            changed.map_err(|error| of_policy(error, settings.active_policy_name.as_ref()))?;
        }
        let set = async {
            if let Some(path) = &settings.junction_path {
                // A volume is mounted once: it leaves where it is.
                self.unmount(name).await?;
                if !path.is_empty() {
                    self.mount(name, path).await?;
                }
            }
            if settings.compression_enabled.is_some() || settings.inline_compression.is_some() {
                self.change_compression(name, settings.compression_enabled, settings.inline_compression)
                    .await?;
            }
            if let Some(size) = settings.size_total {
                self.tell("volume-size", Element::new().text("volume", name).text("new-size", size)).await?;
            }
            if settings.autosize_enabled.is_some() || settings.max_autosize.is_some() {
                self.autosize(name, settings.autosize_enabled, settings.max_autosize).await?;
            }
            Ok(())
        };
        set.await.map_err(|error| of_volume(error, name))
    }
}

/// What volume-modify-iter can set.
fn modified(settings: &Settings) -> Element {
    let mut attributes = Element::new();
    if let Some(reserve) = settings.percentage_snapshot_reserve {
        let space = Element::new().text("percentage-snapshot-reserve", reserve);
        attributes = attributes.child("volume-space-attributes", space);
    }
    if let Some(policy) = &settings.active_policy_name {
        attributes = attributes.child("volume-export-attributes", Element::new().text("policy", policy));
    }
    if let Some(policy) = &settings.caching_policy {
        let cache = Element::new().text("caching-policy", policy);
        attributes = attributes.child("volume-hybrid-cache-attributes", cache);
    }
    if let Some(comment) = &settings.comment {
        attributes = attributes.child("volume-id-attributes", Element::new().text("comment", comment));
    }
    attributes
}
