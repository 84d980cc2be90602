//! One open file: when what is written to it is applied. Section 4 of the contract, rules 0 to 5.

use filerfs::backend::Kind;

use crate::files::File;
use crate::state::{Outcome, Refusal, State, refused};
use crate::values::{canonical, lines, plain, trimmed};

/// What a system call must come to.
#[derive(Clone, Debug)]
pub enum Expect {
    /// Success, and so many changes.
    Do(usize),
    Refuse(Refusal),
    /// The beginning of a bad line: it may be seen to be bad already.
    Either,
}

impl From<Outcome> for Expect {
    fn from(outcome: Outcome) -> Expect {
        outcome.map_or_else(Expect::Refuse, Expect::Do)
    }
}

/// One open file.
#[derive(Debug)]
pub struct OpenFile {
    pub file: File,
    /// The object it was opened in: a later one of its name is another.
    id: Option<u64>,
    append: bool,
    truncated: bool,
    applied: usize,
    /// The same, before the last write.
    before: usize,
    pending: String,
    /// Lines of a list that came.
    named: Vec<String>,
    failed: bool,
}

/// The most bytes of one value.
const VALUE: usize = 4096;

impl OpenFile {
    pub fn new(state: &State, file: File, append: bool, truncated: bool) -> OpenFile {
        let id = state.id(&file);
        let (pending, named) = (String::new(), Vec::new());
        OpenFile { file, id, append, truncated, applied: 0, before: 0, pending, named, failed: false }
    }

    /// A snapshot has another name now: a file that was opened in it is open yet.
    pub fn follow(&mut self, state: &State) {
        let (File::Clone(volume, name), Some(id)) = (&mut self.file, self.id) else { return };
        let snapshots = state.volumes.get(volume).map_or(&[][..], |volume| &volume.snapshots);
        if let Some(snapshot) = snapshots.iter().find(|snapshot| snapshot.id == id) {
            name.clone_from(&snapshot.name);
        }
    }

    /// Whether its object is still there.
    pub fn alive(&self, state: &State) -> bool {
        self.id.is_some() && state.id(&self.file) == self.id
    }

    /// pwrite(2)
    pub fn write(&mut self, state: &mut State, offset: usize, text: &str) -> Expect {
        let offset = if self.append { self.applied + self.pending.len() } else { offset };
        let (applied, pending) = if offset == 0 { (0, "") } else { (self.applied, &*self.pending) };
        // What waits may be written anew, from anywhere in it.
        let kept = offset.checked_sub(applied).and_then(|at| pending.get(..at));
        let size = offset + text.len() - usize::from(text.ends_with('\n'));
        let kind = match self.file.scalar() {
            true if applied > 0 => Some(Kind::Invalid),
            _ if kept.is_none() => Some(Kind::Invalid),
            true if size > VALUE => Some(Kind::TooBig),
            _ => None,
        };
        if let Some(kind) = kind {
            return self.refuse(refused(kind));
        }
        if offset == 0 {
            self.named.clear();
        }
        let text = format!("{}{text}", kept.unwrap_or_default());
        self.take(state, applied, text)
    }

    fn take(&mut self, state: &mut State, applied: usize, text: String) -> Expect {
        let complete = match &self.file {
            File::Rules(_) => text.rfind('\n').map_or(0, |at| at + 1),
            _ if text.ends_with('\n') => text.len(),
            _ => 0,
        };
        let (whole, begun) = text.split_at(complete);
        let outcome = match &self.file {
            _ if !self.alive(state) => Err(self.gone(&text)),
            File::Rules(policy) => self.lines(state, policy, whole),
            // What the storage alone can know is not known before the close; who holds the volume is.
            file if whole.is_empty() => match state.clone().write(file, begun) {
                Err(refusal) if refusal.calls == 0 || refusal.kinds == [Kind::Locked] => Err(refusal),
                _ => Ok(0),
            },
            file => state.write(file, whole),
        };
        match outcome {
            Err(refusal) => self.refuse(refusal),
            Ok(calls) => {
                self.before = self.applied;
                self.named.extend(lines(whole).map(str::to_owned));
                (self.applied, self.pending) = (applied + complete, begun.to_owned());
                let list = matches!(self.file, File::Rules(_));
                match list && lines(begun).any(|line| rule(line).is_none()) && !begun_well(begun) {
                    true => Expect::Either,
                    false => Expect::Do(calls),
                }
            }
        }
    }

    /// The write that could have gone either way was refused.
    pub fn refused(&mut self) {
        self.applied = self.before;
        self.refuse(refused(Kind::Invalid));
    }

    fn refuse(&mut self, refusal: Refusal) -> Expect {
        self.failed = true;
        self.pending.clear();
        Expect::Refuse(refusal)
    }

    /// ftruncate(2) to nothing
    pub fn truncate(&mut self) {
        self.truncated = true;
        self.pending.clear();
    }

    /// close(2) of one descriptor, perhaps the last one.
    pub fn close(&mut self, state: &mut State, last: bool) -> Expect {
        let pending = std::mem::take(&mut self.pending);
        self.applied += pending.len();
        let mut calls = 0;
        if !pending.is_empty() {
            let outcome = match &self.file {
                _ if !self.alive(state) => Err(self.gone(&pending)),
                File::Rules(policy) => self.lines(state, policy, &pending),
                file => state.write(file, &pending),
            };
            match outcome {
                Err(refusal) => return self.refuse(refusal),
                Ok(done) => calls = done,
            }
            self.named.extend(lines(&pending).map(str::to_owned));
        }
        if let (File::Rules(policy), true) = (&self.file, last) {
            calls += self.replace(state, policy);
        }
        Expect::Do(calls)
    }

    /// The object is gone, whether or not another has its name now. A name that is none may be seen first.
    fn gone(&self, text: &str) -> Refusal {
        let mut kinds = vec![Kind::NotFound, Kind::Replaced];
        if matches!(self.file, File::Clone(..)) {
            kinds.extend(plain(trimmed(text), ":/_.-").err());
        }
        Refusal { kinds, calls: 0 }
    }

    /// The lines of one write: what the last line about a rule says; none if one is bad. New rules are one
    /// change, and those that go another.
    fn lines(&self, state: &mut State, policy: &str, text: &str) -> Outcome {
        let parsed: Option<Vec<_>> = lines(text).map(rule).collect();
        let mut asked: Vec<(&str, bool)> = Vec::new();
        for (rule, present) in parsed.ok_or(refused(Kind::Invalid))?.into_iter().flatten() {
            let about = asked.iter().position(|(other, _)| canonical(other) == canonical(rule));
            match about {
                Some(at) if asked[at].1 == present => continue,
                Some(at) => drop(asked.remove(at)),
                None => {}
            }
            asked.push((rule, present));
        }
        let mut calls = 0;
        for present in [true, false] {
            let mut changed = 0;
            for (rule, _) in asked.iter().filter(|(_, asked)| *asked == present) {
                changed += state.rule(policy, rule, present)?;
            }
            calls += changed.min(1);
        }
        Ok(calls)
    }

    /// A list that was emptied comes down to the lines that came, in their order.
    fn replace(&self, state: &mut State, policy: &str) -> usize {
        let none = self.named.iter().any(|line| line == "none");
        let mut wanted: Vec<&str> = Vec::new();
        let mut present = none;
        for (rule, add) in self.named.iter().filter_map(|line| rule(line)?) {
            wanted.retain(|kept| canonical(kept) != canonical(rule));
            if add {
                wanted.push(rule);
                present = true;
            }
        }
        if self.failed || !present || !(self.truncated || none) {
            return 0;
        }
        let rules = &mut state.policies.get_mut(policy).unwrap().rules;
        let place = |rule: &String| wanted.iter().position(|want| canonical(want) == canonical(rule));
        let before = rules.len();
        rules.retain(|rule| place(rule).is_some());
        let ordered = rules.is_sorted_by_key(place);
        rules.sort_by_key(place);
        usize::from(before > rules.len()) + usize::from(!ordered)
    }
}

/// What a line asks for: `None` if it is bad, nothing for `none`.
fn rule(line: &str) -> Option<Option<(&str, bool)>> {
    match line.strip_prefix('-') {
        _ if line == "none" => Some(None),
        Some(absent) => canonical(absent.trim_start()).map(|_| Some((absent.trim_start(), false))),
        None => canonical(line).map(|_| Some((line, true))),
    }
}

/// Whether this is the beginning of a line that these tests know to be good.
fn begun_well(begun: &str) -> bool {
    crate::choices::RULES
        .iter()
        .flat_map(|text| text.lines())
        .any(|line| rule(line).is_some() && line.starts_with(begun))
}
