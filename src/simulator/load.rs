//! The filer as it is at the start: the content, and what every filer has.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::Ontap;
use super::filer::{Detail, ExportRule, Filer};
use super::zapi::arguments::blocks;
use super::zapi::volumes::create::without_reserve;
use crate::backend::{AggregateName, PolicyName, Result, Settings, VolumeName};
use crate::backends::memory::{Absent, Aggregate, Content, Model};

/// Free space of the aggregates of a filer that starts with nothing.
const FRESH_AGGREGATE: u64 = 100 << 40;

impl Filer {
    pub fn new(svm: &str, ontap: Ontap, content: Content) -> Result<Filer> {
        let rules = content.rules();
        let fresh = content.has_no_aggregates();
        let absent =
            Absent { settings: Settings::default(), filer_address: String::new(), foreign_policies: true };
        let mut model = content.into_state(&absent)?;
        if fresh {
            model.aggregates = vec![fresh_aggregate("aggr1")?, fresh_aggregate("aggr2")?];
        }
        place_aggregates(&mut model);
        let mut filer = Filer {
            svm: svm.to_owned(),
            ontap,
            model,
            details: HashMap::new(),
            exports: BTreeMap::new(),
            locks: Vec::new(),
            jobs: BTreeMap::new(),
            policy_ids: 4 << 32,
        };
        filer.create_default_policy()?;
        for (policy, clients) in rules {
            let export = filer.export(&policy);
            export.rules = (1..).zip(clients.iter().map(|client| ExportRule::of(client))).collect();
        }
        filer.create_root_volume()?;
        filer.describe_volumes();
        Ok(filer)
    }

    /// The policy `default` is there from the start.
    fn create_default_policy(&mut self) -> Result<()> {
        let default = PolicyName::new("default")?;
        if !self.model.policies.contains_key(&default) {
            self.model.add_policy(&default, &[])?;
        }
        let names: Vec<_> = self.model.policies.keys().cloned().collect();
        for name in names {
            self.export(&name);
        }
        Ok(())
    }

    /// The root of the SVM's namespace, unless the content has one.
    fn create_root_volume(&mut self) -> Result<()> {
        if self.model.junctions.contains_key("/") {
            return Ok(());
        }
        let name: String =
            self.svm.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let name = VolumeName::new(&format!("{name}_root"))?;
        let aggregate = self.model.choose_aggregate(None)?;
        let settings = Settings {
            size_total: Some(blocks((1 << 30) * 95 / 100)),
            percentage_snapshot_reserve: Some(5),
            caching_policy: Some("Standard".into()),
            autosize_enabled: Some(false),
            max_autosize: Some(blocks((1 << 30) * 6 / 5)),
            junction_path: Some("/".into()),
            active_policy_name: Some(PolicyName::new("default")?),
            ..Settings::default()
        };
        self.model.check_free(&name)?;
        self.model.add_volume(&name, settings, aggregate, 1 << 20)?;
        if let Some(held) = self.model.volumes.get_mut(&name) {
            Arc::make_mut(&mut held.record).filer_address.clear();
        }
        Ok(())
    }

    fn describe_volumes(&mut self) {
        for held in self.model.volumes.values_mut() {
            let settings = &held.record.settings;
            let reserve = settings.percentage_snapshot_reserve.unwrap_or(0);
            let size = settings.size_total.map(|total| with_reserve(total, reserve));
            self.details.insert(held.record.identity, Detail { size, ..Detail::default() });
            let record = Arc::make_mut(&mut held.record);
            let on = |aggregate: &&Aggregate| record.aggregate_name.as_ref() == Some(&aggregate.name);
            let node = self.model.aggregates.iter().find(on).and_then(|aggregate| aggregate.node.clone());
            if record.filer_address.is_empty() {
                record.filer_address = node.unwrap_or_default();
            }
        }
    }
}

/// The smallest size in whole blocks of which this much is left for data.
fn with_reserve(total: u64, reserve: u64) -> u64 {
    let size = u128::from(total) * 100 / u128::from(100 - reserve.min(90));
    let size = u64::try_from(size).unwrap_or(u64::MAX) / 4096 * 4096;
    if without_reserve(size, reserve.min(90)) < total { blocks(size + 1) } else { size }
}

fn fresh_aggregate(name: &str) -> Result<Aggregate> {
    let name = AggregateName::new(name)?;
    Ok(Aggregate { name, size_available: FRESH_AGGREGATE, size_total: Some(FRESH_AGGREGATE), node: None })
}

/// Two nodes own the aggregates in turn, where the content does not say which.
fn place_aggregates(model: &mut Model) {
    for (at, aggregate) in model.aggregates.iter_mut().enumerate() {
        aggregate.node.get_or_insert_with(|| format!("node{}", at % 2 + 1));
    }
    model.aggregates.sort_by(|a, b| a.name.cmp(&b.name));
}
